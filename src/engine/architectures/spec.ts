import type {HfConfig, TensorSource} from '../../models/index.js';
import type {Names} from './names.js';
import type {Grid, Interpolation} from './resize-grid.js';
import type {Rotary} from './rotary.js';

export type Activation = 'gelu' | 'gelu_tanh' | 'quick_gelu' | 'silu' | 'relu';

/**
 * A vision transformer, but for its weights. Families differ by these flags; the forward pass that reads them is in
 * `vision-transformer.ts`.
 */
export interface Spec {
  /** Pixels the patches were laid out for; position embeddings are interpolated to another size. */
  readonly image: {readonly height: number; readonly width: number};
  readonly channels: number;
  /** Side of a square patch in pixels; patches do not overlap. */
  readonly patch: number;
  readonly patchBias: boolean;
  /** D, the width of the residual stream. */
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Units of the MLP between its two linear maps. */
  readonly hidden: number;
  readonly activation: Activation;
  /** The MLP multiplies the activation of one linear map with another: SwiGLU. */
  readonly gated: boolean;
  /** Of every LayerNorm. */
  readonly epsilon: number;
  /** Tokens before the patches, in this order. */
  readonly classToken: boolean;
  readonly distillationToken: boolean;
  /** Register tokens stand between the class token and the patches. */
  readonly registers: number;
  /** Which tokens have a learned position: all but the registers, these too, only the patches, or none; `sines` are fixed. */
  readonly positions: 'all' | 'all and registers' | 'patches' | 'sines' | 'none';
  /** A bias of attention by relative position: none, one table a block, one table for all blocks. */
  readonly relativePositions: 'none' | 'block' | 'shared';
  /** LayerNorm between the embedding and the first block. */
  readonly normBefore: boolean;
  readonly biases: {
    readonly query: boolean;
    readonly key: boolean;
    readonly value: boolean;
    /** Of attention's output and of the MLP: they have one where it is left out. */
    readonly projection?: false | undefined;
    readonly mlp?: false | undefined;
  };
  /** Each branch is multiplied by a learned vector before it joins the residual stream. */
  readonly layerScale: boolean;
  /**
   * What the layer `norm` is: the class token of the normed tokens, their mean or that of the patches among them, or the
   * norm of the patches' mean.
   */
  readonly readout: 'class' | 'mean' | 'mean of patches' | 'norm of mean';
  /** What a classifier reads, where a folder has one. */
  readonly head: 'readout' | 'class and mean' | 'class and distillation' | 'mean of block';

  // What few have. Where a flag is left out, the definition of a model is what it was before the flag was known.
  /** Queries and keys of patches are turned by the place of their patch. */
  readonly rotary?: Rotary | undefined;
  /** Every norm divides by the root mean square, without centring and bias (Zhang & Sennrich 2019, arXiv 1910.07467). */
  readonly rootMeanSquare?: true | undefined;
  /** The patches are normed before they get their positions. */
  readonly patchNorm?: true | undefined;
  /** Norms before the last linear map of the MLP, or of both branches (Wang et al. 2022, arXiv 2210.06423). */
  readonly innerNorm?: 'mlp' | 'attention and mlp' | undefined;
  /** A branch is normed at its end and not at its start. */
  readonly postNorm?: true | undefined;
  /** No norm follows the last block. */
  readonly unnormed?: true | undefined;
  /** The patches' embedding reads its pixels row by row with all channels of each, and not channel by channel. */
  readonly channelsLast?: true | undefined;
  /** Tokens after the patches, each with a position of its own. */
  readonly detectionTokens?: number | undefined;
  /** Positions are added again before each block but the first. */
  readonly repeatedPositions?: true | undefined;
}

/** Tokens before the patches. */
export function prefixTokens(spec: Spec): number {
  return Number(spec.classToken) + Number(spec.distillationToken) + spec.registers;
}

/** Number of the first token after the patches. */
export function endOfPatches(spec: Spec): number {
  const {rows, columns} = patchGrid(spec);
  return prefixTokens(spec) + rows * columns;
}

/** Patches down and across; pixels that fill no patch are left out, as a strided convolution leaves them. */
export function patchGrid({image, patch}: Pick<Spec, 'image' | 'patch'>): Grid {
  return {rows: Math.floor(image.height / patch), columns: Math.floor(image.width / patch)};
}

/** How one fresh tensor is drawn: normal or uniform around 0, one value everywhere, or given numbers. */
export type Draw = {readonly std: number} | {readonly bound: number} | {readonly fill: number} | Float32Array;

/** What a fresh tensor is drawn for. */
export interface Drawing {
  readonly shape: readonly number[];
  readonly spec: Spec;
  readonly config: HfConfig;
}

/** One architecture: its configuration as flags, its names on disk, its initialisation. */
export interface Family {
  /** For people: "DINOv2". */
  readonly name: string;
  /** Values of `model_type` in `config.json` that mean this family. */
  readonly modelTypes: readonly string[];
  /** Where the tensors of each canonical name stand on disk: one table for each way of naming them. */
  readonly names: readonly Names[];
  /** What may stand before those names, tried in this order. */
  readonly prefixes: readonly string[];
  /** How position embeddings are resized where images have another size than the model was built for. */
  readonly positionsBy: Interpolation;
  /** @throws InvarianceError `bad_model` where the configuration asks for what the flags cannot say. */
  spec(config: HfConfig, tensors: TensorSource): Spec;
  /** How its library draws a fresh tensor of this canonical name. */
  draw(name: string, drawing: Drawing): Draw;
}
