import {InvarianceError} from '../../errors.js';
import type {LayerName} from '../../types.js';
import type {Engine, Parameter, Weights} from '../contract.js';
import {openModelFolder, type ModelFolder, type TensorSource} from '../weights/index.js';
import {checkFinite, checkShape} from './check-weights.js';
import {familyOf} from './families.js';
import {findNames} from './find-names.js';
import {layersOf} from './layers-of.js';
import type {Part} from './names.js';
import {writeNetwork, type Network} from './network.js';
import type {Spec} from './spec.js';

/** Canonical names of a classifier, which no measured layer sees. */
const HEAD = ['head.weight', 'head.bias', 'head_dist.weight', 'head_dist.bias'];

/**
 * Reads a model folder of a known architecture, in any of its ways of naming, into canonical names.
 *
 * @param like an engine whose architecture the folder must have and whose input size the position embeddings are
 *   interpolated to; without it, the folder's own
 * @returns float32 tensors in PyTorch's layout, fused ones taken apart, the classifier with `layer: null`
 * @throws InvarianceError `bad_model` for an unknown or a different architecture, `bad_weights` for tensors that are
 *   missing, misshapen or not finite, by name
 */
export async function readWeights(
  folder: ModelFolder | string,
  {like}: {like?: Engine} = {},
): Promise<Weights> {
  if (typeof folder === 'string') {
    const opened = await openModelFolder(folder);
    return readWeights(opened, {like}).finally(() => opened.tensors.close());
  }
  const spec = specOf(folder, like?.input);
  const network = writeNetwork({spec, normalisation: folder.preprocessor});
  const layers = like
    ? new Map(like.weights().map(({name, layer}) => [name, layer]))
    : layersOf(network, [...network.layers.keys()]);
  const read = await readDeclared(folder, network, layers);
  if (like) sameTensors(read, like.weights(), folder.folder);
  return read;
}

/** The architecture of a folder, for images of the size that enters the model unless told otherwise. */
export function specOf({config, tensors, preprocessor}: ModelFolder, size?: Spec['image']): Spec {
  const spec = familyOf(config).spec(config, tensors);
  const {height, width} = size ?? preprocessor.size;
  return {...spec, image: {height, width}};
}

async function readDeclared(
  {folder, config, tensors}: ModelFolder,
  {parameters}: Network,
  layers: ReadonlyMap<string, LayerName | null>,
): Promise<Parameter[]> {
  const names = parameters.map(({name}) => name);
  const locate = findNames(familyOf(config), names, new Set(tensors.names()), folder);
  const read: Parameter[] = [];
  for (const {name, shape} of parameters) {
    const tensor = await readPart(tensors, locate(name)!);
    const data = shaped(tensor, shape);
    read.push({name, shape, data, layer: layers.get(name) ?? null});
  }
  for (const name of HEAD) {
    const place = locate(name);
    if (place) read.push({name, ...(await readPart(tensors, place)), layer: null});
  }
  read.forEach(checkFinite);
  return read;
}

interface Read {
  /** Name on disk, for messages. */
  readonly from: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

async function readPart(tensors: TensorSource, {name, index, count}: Part): Promise<Read> {
  const {dtype, shape, data} = await tensors.read(name);
  if (dtype === 'I64')
    throw new InvarianceError('bad_weights', `tensor ${name} holds integers; expected floats`);
  const rows = (shape[0] ?? 1) / count;
  const size = data.length / count;
  return {
    from: name,
    shape: count === 1 ? shape : shape.with(0, rows),
    data: data.subarray(index * size, (index + 1) * size),
  };
}

/** Axes of size 1 tell nothing apart: a class token is [1, 1, D] in one library and [D] in another. */
const squeezed = (shape: readonly number[]) => shape.filter(size => size !== 1);

function shaped({from, shape, data}: Read, expected: readonly number[]): Float32Array {
  checkShape(from, squeezed(shape), squeezed(expected));
  return data;
}

function sameTensors(read: Weights, like: Weights, folder: string): void {
  const expected = new Set(like.map(({name}) => name));
  const extra = read.find(({name}) => !expected.has(name) && !HEAD.includes(name));
  if (extra)
    throw new InvarianceError('bad_weights', `${folder} has ${extra.name}, which the pretrained model lacks`);
  const shapes = new Map(read.map(({name, shape}) => [name, shape]));
  for (const {name, shape} of like) {
    if (HEAD.includes(name)) continue;
    const own = shapes.get(name);
    if (!own)
      throw new InvarianceError('bad_weights', `${folder} lacks ${name}, which the pretrained model has`);
    checkShape(`${name} of ${folder}`, own, shape);
  }
}
