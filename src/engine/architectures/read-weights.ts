import {InvarianceError, messageOf} from '../../errors.js';
import type {LayerName} from '../../types.js';
import type {Engine, Parameter, Weights} from '../contract.js';
import {
  openModelFolder,
  type HfConfig,
  type ModelFolder,
  type Tensor,
  type TensorSource,
} from '../../models/index.js';
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

interface ReadOptions {
  like?: Engine;
  owners?: ReadonlyMap<string, LayerName | null>;
  prefix?: string | undefined;
  adapter?: string | undefined;
  onNotice?: (code: string, message: string) => void;
}

/**
 * Reads a model folder of a known architecture, in any of its ways of naming, into canonical names.
 *
 * @param base the pretrained model's folder, for a checkpoint that leaves out its configuration or is an adapter
 * @param like an engine whose architecture the folder must have and whose input size the position embeddings are
 *   interpolated to; without it, the folder's own. Only what its measured layers depend on has to be there and to fit
 * @param owners without `like`, the measured layer that each weight belongs to, or null: only the others have to be there
 * @param prefix which one is meant where the names stand under several prefixes, as `ema_model.`
 * @param adapter which adapter is meant where the folder holds several
 * @param onNotice told of a wrapper's prefix, of positions resized for `like`, and of tensors left out because no measured layer depends on them
 * @returns float32 tensors in PyTorch's layout, fused ones taken apart, the classifier with `layer: null`
 * @throws InvarianceError `bad_model` for an unknown or a different architecture, `bad_weights` for tensors that are
 *   missing, misshapen or not finite, by name
 */
export async function readWeights(
  folder: ModelFolder | string,
  {base, ...options}: ReadOptions & {base?: string} = {},
): Promise<Weights> {
  if (typeof folder === 'string') {
    const opened = await openModelFolder(folder, {base, adapter: options.adapter});
    return readWeights(opened, options).finally(() => opened.tensors.close());
  }
  const {like} = options;
  const architecture = architectureOf(folder, like?.input);
  const layers = like
    ? new Map(like.weights().map(({name, layer}) => [name, layer]))
    : (options.owners ??
      defaultLayers(writeNetwork({spec: architecture.spec, normalisation: folder.preprocessor})));
  const read = await readDeclared(folder, architecture, layers, options);
  if (like) {
    sameSpec(architecture.spec, like, folder.folder);
    sameTensors(read, like.weights(), folder.folder);
  }
  return read;
}

/** What a folder holds: the architecture as its weights are stored, and as it takes images of the size asked for. */
export interface Architecture {
  readonly family: Family;
  /** Of the network that sees the image, in a larger model. */
  readonly config: HfConfig;
  readonly stored: Spec;
  readonly spec: Spec;
}

/** The architecture of a folder, for images of the size that its preprocessor gives unless told otherwise. */
export function architectureOf(
  {folder, config, tensors, preprocessor}: ModelFolder,
  size?: Spec['image'],
): Architecture {
  const {family, config: own} = familyOf(config, folder);
  const stored = family.spec(own, tensors);
  const {height, width} = size ?? preprocessor.size;
  const spec = {...stored, image: {height, width}};
  for (const each of [stored, spec]) checkSpec(each, {tensors: tensors.names().length, folder});
  return {family, config: own, stored, spec};
}

const defaultLayers = (network: Network) =>
  layersOf(network, selectLayers([...network.layers.keys()], DEFAULT_LAYERS));

async function readDeclared(
  {folder, tensors, preprocessor}: ModelFolder,
  {family, stored, spec: wanted}: Architecture,
  layers: ReadonlyMap<string, LayerName | null>,
  {like, prefix, onNotice = () => {}}: ReadOptions,
): Promise<Parameter[]> {
  const declared = (spec: Spec) => writeNetwork({spec, normalisation: preprocessor}).parameters;
  const shapes = new Map(declared(wanted).map(({name, shape}) => [name, shape]));
  const isWanted = (name: string) => (layers.get(name) ?? null) !== null;
  const names = [...shapes.keys()];
  const [needed, idle] = [names.filter(isWanted), names.filter(name => !isWanted(name))];
  const search = {wanted: needed, optional: [...idle, ...HEAD], folder, prefix};
  const {locate, outer} = findNames(family, search, new Set(tensors.names()));
  if (outer !== '')
    onNotice(
      'prefix',
      `the names of the tensors have the prefix "${outer}", as of a wrapped model: read without it`,
    );
  const size = ({image}: Spec) => `${image.height} × ${image.width}`;
  if (like !== undefined && size(stored) !== size(wanted))
    onNotice(
      'resized_positions',
      `the model was finetuned for images of ${size(stored)}; its positions are resized to ${size(wanted)}, as the ` +
        'pretrained model takes them and as the probes are',
    );
  const readPart = partReader(tensors);
  const readOne = async (name: string, shape: readonly number[]): Promise<Parameter> => {
    const tensor = await readPart(locate(name)!);
    checkShape(tensor.from, squeezed(tensor.shape), squeezed(shape));
    const data = resizePositions({name, data: tensor.data}, {stored, wanted, by: family.positionsBy});
    return {name, shape: shapes.get(name)!, data, layer: layers.get(name) ?? null};
  };
  const leftOut = (error: unknown): void =>
    onNotice('left_out', `${messageOf(error)}. No measured layer depends on it, so it is left out`);

  const read: Parameter[] = [];
  for (const {name, shape} of declared(stored)) {
    if (isWanted(name)) read.push(await readOne(name, shape));
    else if (locate(name)) await readOne(name, shape).then(each => read.push(each), leftOut);
  }
  for (const name of HEAD) {
    const place = locate(name);
    if (place)
      await readPart(place).then(({shape, data}) => read.push({name, shape, data, layer: null}), leftOut);
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

/** What decides only what the layer `norm` is, and what a classifier reads. */
const OF_NORM = ['readout', 'head'];

/** What a definition holds besides the specification: checkpoints take the pretrained model's. */
const OF_NORMALISATION = ['mean', 'std'];

/** Equal shapes do not make equal functions: heads, epsilon and activation show in no tensor. */
function sameSpec(spec: Spec, {definition, layers}: Engine, folder: string): void {
  const theirs = JSON.parse(definition) as Readonly<Record<string, unknown>>;
  const ours = spec as unknown as typeof theirs;
  const measuresNorm = layers.includes('norm');
  for (const key of Object.keys({...theirs, ...spec})) {
    if (OF_NORMALISATION.includes(key)) continue;
    const [own, other] = [JSON.stringify(ours[key]), JSON.stringify(theirs[key])];
    if (own === other || (OF_NORM.includes(key) && !measuresNorm)) continue;
    const remedy = OF_NORM.includes(key)
      ? "; its blocks are the same and can be measured without the layer norm: --layers 'block_*'"
      : '';
    throw new InvarianceError(
      'bad_model',
      `${folder} is another architecture than the pretrained model: ${key} is ${own} instead of ${other}${remedy}`,
    );
  }
}

function sameTensors(read: Weights, like: Weights, folder: string): void {
  const shapes = new Map(read.map(({name, shape}) => [name, shape]));
  for (const {name, shape, layer} of like) {
    if (layer === null) continue;
    const own = shapes.get(name);
    if (!own)
      throw new InvarianceError('bad_weights', `${folder} lacks ${name}, which the pretrained model has`);
    checkShape(`${name} of ${folder}`, own, shape);
  }
}
