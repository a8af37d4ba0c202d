import type {Engine} from '../engine/index.js';
import type {CacheEntry} from '../inversion/index.js';
import {
  ckaOfHalves,
  halfSamples,
  halfSums,
  retentionMatrix,
  retentionRow,
  type Halves,
} from '../metrics/index.js';
import type {Estimates, Gram, LayerName} from '../types.js';
import type {Inversions} from './inversions.js';

/** R of the weights in force, and what its intervals rest on. */
export interface Retained {
  retention: Estimates;
  /** R[i, i] on each half-sample, one a layer. */
  diagonal: Halves[];
  /** The same of R[i, j], a row i, over the columns asked for. */
  columns: Halves[][];
}

/**
 * One row of R at a time: beside the Grams of X, only L Grams are held. Cost: L forward passes of the probes.
 *
 * @param options.own Gram of every layer on X, of the weights in force.
 * @param options.columns layers j whose half-samples are kept besides the diagonal's.
 * @param options.onRow told of each row, with what it was made of.
 */
export async function measureRetention({
  engine,
  inversions,
  own,
  columns = [],
  onRow = () => {},
}: {
  engine: Engine;
  inversions: Inversions;
  own: readonly Gram[];
  columns?: readonly number[];
  onRow?: (
    layer: LayerName,
    row: number,
    made: {entry: CacheEntry; inverted: Gram[]},
  ) => Promise<void> | void;
}): Promise<Retained> {
  const halves = halfSamples(own[0]!.n);
  const ownSums = own.map(gram => halfSums(gram, halves));
  const rows = [];
  const diagonal: Halves[] = [];
  const pairs: Halves[][] = [];
  for (const [row, layer] of engine.layers.entries()) {
    const entry = await inversions.of(layer);
    const inverted = await engine.grams(entry.images);
    const onHalves = (j: number) => ckaOfHalves(ownSums[j]!, halfSums(inverted[j]!, halves));
    rows.push(retentionRow({probes: own, inverted}));
    diagonal.push(onHalves(row));
    pairs.push(columns.map(j => (j === row ? diagonal[row]! : onHalves(j))));
    await onRow(layer, row, {entry, inverted});
  }
  return {retention: retentionMatrix(rows), diagonal, columns: pairs};
}
