import type {LayerName, Pooling} from '../../types.js';
import {clamp, divide, mean, reshape, slice, subtract, tensor} from '../onnx/ops.js';
import {Tape, type Value} from '../onnx/tape.js';
import type {LayerSelection} from '../select-layers.js';
import {endOfPatches, prefixTokens, type Spec} from './spec.js';
import {visionTransformer} from './vision-transformer.js';

/** Per channel, on pixels in [0, 1]. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** A weight as the forward pass declares it. */
interface Declared {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A forward pass on a tape: pixels in, every layer out. */
export interface Network {
  readonly tape: Tape;
  /** (batch, channels, height, width) in [0, 1], clamped and normalised inside. */
  readonly pixels: Value;
  readonly parameters: readonly Declared[];
  /** Each layer as one row an image, shallow to deep. */
  readonly layers: ReadonlyMap<LayerName, Value>;
  readonly logits: Value | null;
}

const PIXELS = 'pixels';
export const NORM: LayerName = 'norm';

/** Measured where nothing else is asked for. */
export const DEFAULT_LAYERS: LayerSelection = ['block_*', NORM];

/** What of a block can be measured besides the residual stream after it: the updates that join the stream. */
export const BRANCHES = ['attention', 'mlp'] as const;

/** Every layer there is, shallow to deep: `block_00/attention`, `block_00/mlp`, `block_00`, …, `norm`. */
export function layerNames(depth: number): LayerName[] {
  return [
    ...blockNames(depth).flatMap(block => [...BRANCHES.map(branch => `${block}/${branch}`), block]),
    NORM,
  ];
}

/** `block_00`, `block_01`, … */
export function blockNames(depth: number): LayerName[] {
  return Array.from({length: depth}, (_, i) => `block_${String(i).padStart(2, '0')}`);
}

/** Writes the whole forward pass of an architecture; what no output needs is left out of the model made of it. */
export function writeNetwork({
  spec,
  normalisation,
  pooling = headPooling(spec),
  batch = 1,
  classes = 0,
}: {
  spec: Spec;
  normalisation: Normalisation;
  pooling?: Pooling;
  batch?: number;
  /** Outputs of the classifier; 0 where none is asked for. */
  classes?: number;
}): Network {
  const tape = new Tape();
  const {channels, image} = spec;
  const pixels = tape.variable(PIXELS, [batch, channels, image.height, image.width]);
  const parameters = new Map<string, Value>();
  const parameter = (name: string, shape: readonly number[]) => {
    const value = parameters.get(name) ?? tape.input(name, shape);
    parameters.set(name, value);
    return value;
  };
  const perChannel = (values: readonly number[]) =>
    tensor(tape, [1, channels, 1, 1], Float32Array.from(values));
  const normalised = divide(
    subtract(clamp(pixels, 0, 1), perChannel(normalisation.mean)),
    perChannel(normalisation.std),
  );
  const {blocks, norm, logits} = visionTransformer(spec, normalised, parameter, classes);
  const values = blocks.flatMap(({attention, mlp, stream}) => [attention, mlp, stream]);
  const names = layerNames(blocks.length);
  return {
    tape,
    pixels,
    logits,
    parameters: [...parameters.values()].map(({name, shape}) => ({name, shape})),
    layers: new Map([
      ...values.map((value, i) => [names[i]!, pooled(value, pooling, spec)] as const),
      [NORM, norm],
    ]),
  };
}

/** What the model's own head reads of the tokens: the class token, or the mean of the patches. */
export function headPooling({readout}: Pick<Spec, 'readout'>): Pooling {
  return readout === 'class' ? 'cls' : 'mean';
}

function pooled(block: Value, pooling: Pooling, spec: Spec): Value {
  const [n, t, d] = block.shape as [number, number, number];
  if (pooling === 'tokens') return reshape(block, [n, t * d]);
  const patches = () => slice(block, 1, prefixTokens(spec), endOfPatches(spec));
  return reshape(pooling === 'cls' ? slice(block, 1, 0, 1) : mean(patches(), [1]), [n, d]);
}
