import {flowWeights, forgetting} from '../metrics/index.js';
import type {Baseline, LayerName, Matrix, Reading, Score} from '../types.js';

/**
 * The rows that fill each chart of `templates/charts`, under the column names that its spec gives as `${field:…}`.
 * Layers come shallow to deep, which is the order of the axes; what is withheld is null.
 */

/** Of `retention-map` and `retention-steps`. */
export interface RetentionRow {
  step: number;
  layer: LayerName;
  score: number | null;
  low: number | null;
  high: number | null;
  /** Why there is no score. */
  reason: string | null;
}

export function retentionRows(
  readings: readonly (Pick<Reading, 'step' | 'layers'> & {scores: readonly Score[]})[],
): RetentionRow[] {
  return readings.flatMap(({step, layers, scores}) =>
    layers.map((layer, i) => {
      const score = scores[i]!;
      return score.status === 'scored'
        ? {step, layer, score: score.value, low: score.low, high: score.high, reason: null}
        : {step, layer, score: null, low: null, high: null, reason: score.reason};
    }),
  );
}

/** Of `drift-map`: D_t[i, i], unbiased. */
export interface DriftRow {
  step: number;
  layer: LayerName;
  drift: number | null;
}

export function driftRows(readings: readonly Reading[]): DriftRow[] {
  return readings.flatMap(({step, layers, drift}) =>
    layers.map((layer, i) => ({step, layer, drift: drift.unbiased[i]![i]!})),
  );
}

/** Of `retention-matrix` and `difference-matrix`. */
export interface MatrixRow {
  /** Pretrained layer i. */
  from: LayerName;
  /** Layer j of the finetuned model. */
  to: LayerName;
  value: number | null;
}

export function matrixRows(layers: readonly LayerName[], matrix: Matrix): MatrixRow[] {
  return layers.flatMap((from, i) => layers.map((to, j) => ({from, to, value: matrix[i]![j]!})));
}

/** F_t = W0 − R_t, unbiased. */
export function forgettingRows(baseline: Baseline, reading: Reading): MatrixRow[] {
  return matrixRows(reading.layers, forgetting(baseline.ceiling, reading.retention).unbiased);
}

/** Of `flow`: one row a pair of blocks, numbered from the shallowest. */
export interface FlowRow {
  from: LayerName;
  row: number;
  to: LayerName;
  column: number;
  /** w[i, j] as a share of its row. */
  share: number | null;
  /** com_0(i) and com_t(i), in positions among the blocks. */
  initial: number | null;
  centre: number | null;
}

export function flowRows(baseline: Baseline, reading: Reading): FlowRow[] {
  const {layers} = reading;
  const blocks = baseline.blocks.map(block => layers.indexOf(block));
  return blocks.flatMap((i, row) => {
    const weights = flowWeights(reading.retention.unbiased[i]!, baseline.floor.unbiased[i]!, blocks);
    const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? 0;
    return blocks.map((j, column) => ({
      from: layers[i]!,
      row,
      to: layers[j]!,
      column,
      share: weights === null || total === 0 ? null : weights[column]! / total,
      initial: baseline.flow[i]!,
      centre: reading.flow.centre[i]!,
    }));
  });
}

/** Of `quality-gates`. */
export interface GateRow {
  layer: LayerName;
  fvu: number | null;
  threshold: number;
  gate: 'passed' | 'failed';
}

export function gateRows(baseline: Baseline): GateRow[] {
  return baseline.gates.map(({layer, fvu, threshold, passed}) => ({
    layer,
    fvu,
    threshold,
    gate: passed ? 'passed' : 'failed',
  }));
}
