import type {Estimates} from '../types.js';
import {withheldBy, type ScoredBy} from './score.js';

/** Where each pretrained layer's invariances sit now. Entries of layers that are no blocks are null. */
export interface Flow {
  /** com_t(i): centre of mass, in positions among the blocks, 0 the shallowest. */
  centre: (number | null)[];
  /** j*(i): the column of the matrix (an index into the layers) that holds the most. */
  strongest: (number | null)[];
}

/**
 * Flow of invariances through the depth: over the block columns j of R_t's row i, with w[i, j] = max(R_t[i, j] − N[i, j],
 * 0), the centre of mass Σ j·w / Σ w and the column of the largest w. Unbiased estimates. [ours]
 *
 * Null as well where layer i can have no score (its inversion did not converge, or its floor is too close to its ceiling),
 * or where a row holds a withheld value or nothing above the floor.
 *
 * @param options
 * @param options.retention R_t, layers × layers.
 * @param options.baseline of the same layers: ceiling, floor and gates.
 * @param options.blocks indices of the residual-stream blocks among the layers, shallow to deep.
 * @example
 * import {flow, type Estimates, type ScoredBy} from 'wandb-invariance/metrics';
 *
 * declare const retention: Estimates, baseline: ScoredBy; // of 12 blocks and the norm behind them
 * const blocks = Array.from({length: 12}, (_, i) => i);
 * const {centre, strongest} = flow({retention, baseline, blocks});
 */
export function flow({
  retention,
  baseline,
  blocks,
}: {
  retention: Estimates;
  baseline: ScoredBy;
  blocks: readonly number[];
}): Flow {
  const layers = retention.unbiased.length;
  const centre = new Array<number | null>(layers).fill(null);
  const strongest = new Array<number | null>(layers).fill(null);
  for (const i of blocks) {
    if (withheldBy(baseline, i) !== null) continue;
    const weights = flowWeights(retention.unbiased[i]!, baseline.floor.unbiased[i]!, blocks);
    if (weights === null) continue;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (total === 0) continue;
    centre[i] = weights.reduce((sum, weight, position) => sum + position * weight, 0) / total;
    strongest[i] = blocks[weights.indexOf(Math.max(...weights))]!;
  }
  return {centre, strongest};
}

/** w[i, j] of one row, over its block columns; null where one of them is withheld. */
export function flowWeights(
  retention: readonly (number | null)[],
  floor: readonly (number | null)[],
  blocks: readonly number[],
): number[] | null {
  const weights: number[] = [];
  for (const j of blocks) {
    const kept = retention[j] ?? null;
    const chance = floor[j] ?? null;
    if (kept === null || chance === null) return null;
    weights.push(Math.max(kept - chance, 0));
  }
  return weights;
}

/** How much shallower the centre of mass of invariances lies, as shares of the depth. */
export interface Compression {
  /** C_t(i), one a layer; null for layers that are no blocks and where it is not known. */
  layers: (number | null)[];
  /** Over the deeper half of the blocks. */
  mean: number | null;
}

/**
 * C_t(i) = (com_0(i) − com_t(i)) / (L − 1) over the L blocks: positive = the centre lies shallower, what Merlin et al.
 * 2023 call compression. `mean` is over the deeper half of the blocks, and null unless every one of those is known, so that
 * one curve never averages different layers.
 *
 * @param options
 * @param options.initial com_0, one a layer: `flow` of the ceiling.
 * @param options.current com_t, one a layer.
 * @param options.blocks indices of the residual-stream blocks among the layers, shallow to deep.
 * @example
 * import {compression} from 'wandb-invariance/metrics';
 *
 * const blocks = [0, 1, 2, 3, 4];
 * console.log(compression({initial: [0, 1, 2, 3, 4], current: [0, 1, 2, 2, 3], blocks}).mean); // 0.25
 */
export function compression({
  initial,
  current,
  blocks,
}: {
  initial: readonly (number | null)[];
  current: readonly (number | null)[];
  blocks: readonly number[];
}): Compression {
  const layers = initial.map((before, i) => {
    const after = current[i] ?? null;
    return before === null || after === null || blocks.length < 2
      ? null
      : (before - after) / (blocks.length - 1);
  });
  const deeper = deeperHalf(blocks).map(i => layers[i] ?? null);
  const known = deeper.filter(value => value !== null);
  const mean =
    known.length > 0 && known.length === deeper.length
      ? known.reduce((sum, value) => sum + value, 0) / known.length
      : null;
  return {layers, mean};
}

/** The blocks over which compression is averaged: the deeper half, the middle one of an odd number left out. */
export function deeperHalf<Block>(blocks: readonly Block[]): Block[] {
  return blocks.slice(Math.ceil(blocks.length / 2));
}
