import {InvarianceError} from '../../errors.js';
import type {LayerName} from '../../types.js';
import type {Engine, Parameter, Weights} from '../contract.js';
import {openModelFolder, type ModelFolder, type Tensor, type TensorSource} from '../../models/index.js';
import {checkSpec} from './check-spec.js';
import {checkShape} from './check-weights.js';
import {familyOf} from './families.js';
import {findNames} from './find-names.js';
import {layersOf} from './layers-of.js';
import type {Part} from './names.js';
import {DEFAULT_LAYERS, writeNetwork, type Network} from './network.js';
import {resizePositions} from './resize-positions.js';
import type {Family, Spec} from './spec.js';
import {selectLayers} from '../select-layers.js';

/** Canonical names of a classifier, which no measured layer sees. */
const HEAD = ['head.weight', 'head.bias', 'head_dist.weight', 'head_dist.bias'];

/**
 * Reads a model folder of a known architecture, in any of its ways of naming, into canonical names.
 *
 * @param base the pretrained model's folder, for a checkpoint that leaves out its configuration or is an adapter
 * @param like an engine whose architecture the folder must have and whose input size the position embeddings are
 *   interpolated to; without it, the folder's own
 * @returns float32 tensors in PyTorch's layout, fused ones taken apart, the classifier with `layer: null`
 * @throws InvarianceError `bad_model` for an unknown or a different architecture, `bad_weights` for tensors that are
 *   missing, misshapen or not finite, by name
 */
export async function readWeights(
  folder: ModelFolder | string,
  {like, base}: {like?: Engine; base?: string} = {},
): Promise<Weights> {
  if (typeof folder === 'string') {
    const opened = await openModelFolder(folder, {base});
    return readWeights(opened, {like}).finally(() => opened.tensors.close());
  }
  const architecture = architectureOf(folder, like?.input);
  const layers = like
    ? new Map(like.weights().map(({name, layer}) => [name, layer]))
    : defaultLayers(writeNetwork({spec: architecture.spec, normalisation: folder.preprocessor}));
  const read = await readDeclared(folder, architecture, layers);
  if (like) {
    sameSpec(architecture.spec, like.definition, folder.folder);
    sameTensors(read, like.weights(), folder.folder);
  }
  return read;
}

/** What a folder holds: the architecture as its weights are stored, and as it takes images of the size asked for. */
export interface Architecture {
  readonly family: Family;
  readonly stored: Spec;
  readonly spec: Spec;
}

/** The architecture of a folder, for images of the size that its preprocessor gives unless told otherwise. */
export function architectureOf(
  {folder, config, tensors, preprocessor}: ModelFolder,
  size?: Spec['image'],
): Architecture {
  const family = familyOf(config);
  const stored = family.spec(config, tensors);
  const {height, width} = size ?? preprocessor.size;
  const spec = {...stored, image: {height, width}};
  for (const each of [stored, spec]) checkSpec(each, {tensors: tensors.names().length, folder});
  return {family, stored, spec};
}

const defaultLayers = (network: Network) =>
  layersOf(network, selectLayers([...network.layers.keys()], DEFAULT_LAYERS));

async function readDeclared(
  {folder, tensors, preprocessor}: ModelFolder,
  {family, stored, spec: wanted}: Architecture,
  layers: ReadonlyMap<string, LayerName | null>,
): Promise<Parameter[]> {
  const declared = (spec: Spec) => writeNetwork({spec, normalisation: preprocessor}).parameters;
  const shapes = new Map(declared(wanted).map(({name, shape}) => [name, shape]));
  const names = [...shapes.keys()];
  const locate = findNames(family, {wanted: names, optional: HEAD, folder}, new Set(tensors.names()));
  const readPart = partReader(tensors);
  const read: Parameter[] = [];
  for (const {name, shape} of declared(stored)) {
    const tensor = await readPart(locate(name)!);
    checkShape(tensor.from, squeezed(tensor.shape), squeezed(shape));
    const data = resizePositions({name, data: tensor.data}, {stored, wanted, by: family.positionsBy});
    read.push({name, shape: shapes.get(name)!, data, layer: layers.get(name) ?? null});
  }
  for (const name of HEAD) {
    const place = locate(name);
    if (!place) continue;
    const {shape, data} = await readPart(place);
    read.push({name, shape, data, layer: null});
  }
  return read;
}

interface Read {
  /** Name on disk, for messages. */
  readonly from: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Reads each tensor once, those that hold several as well. */
function partReader(tensors: TensorSource): (part: Part) => Promise<Read> {
  const shared = new Map<string, Tensor>();
  return async ({name, index, count}) => {
    const tensor = shared.get(name) ?? (await tensors.read(name));
    if (index < count - 1) shared.set(name, tensor);
    else shared.delete(name);
    const {dtype, shape, data} = tensor;
    if (dtype === 'I64')
      throw new InvarianceError('bad_weights', `tensor ${name} holds integers; expected floats`);
    const size = data.length / count;
    return {
      from: name,
      shape: count === 1 ? shape : shape.with(0, shape[0]! / count),
      data: data.subarray(index * size, (index + 1) * size),
    };
  };
}

/** Axes of size 1 tell nothing apart: a class token is [1, 1, D] in one library and [D] in another. */
const squeezed = (shape: readonly number[]) => shape.filter(size => size !== 1);

/** Equal shapes do not make equal functions: heads, epsilon and activation show in no tensor. */
function sameSpec(spec: Spec, definition: string, folder: string): void {
  const theirs = JSON.parse(definition) as Readonly<Record<string, unknown>>;
  for (const [key, value] of Object.entries(spec)) {
    const [own, other] = [JSON.stringify(value), JSON.stringify(theirs[key])];
    if (own !== other)
      throw new InvarianceError(
        'bad_model',
        `${folder} is another architecture than the pretrained model: ${key} is ${own} instead of ${other}`,
      );
  }
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
