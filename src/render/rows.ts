import {InvarianceError} from '../errors.js';
import {marksOf} from '../marks.js';
import {flowWeights, notConverged, pairedDifference, withheldBy} from '../metrics/index.js';
import type {Baseline, Gate, LayerName, Matrix, Reading, Score} from '../types.js';
import type {RenderedRun} from './run.js';

/**
 * The rows that fill each chart of `templates/charts`, under the column names that its spec gives as `${field:…}`.
 * Layers come shallow to deep, which is the order of the axes; what is withheld is null.
 */

/** Of `retention-map`, `retention-steps` and `retention-layers`. */
export interface RetentionRow {
  step: number;
  layer: LayerName;
  score: number | null;
  low: number | null;
  high: number | null;
  /** Why there is no score. */
  reason: string | null;
  /** R[i, i] where there is no score; null where its images are not inverted well enough. */
  similarity: number | null;
}

/** What is drawn of a reading's scores. */
export interface ScoredReading extends Pick<Reading, 'step' | 'layers'> {
  scores: readonly Score[];
  /** R[i, i], one a layer; null where its images are not inverted well enough. */
  similarity?: readonly (number | null)[];
}

export function retentionRows(readings: readonly ScoredReading[]): RetentionRow[] {
  return readings.flatMap(({step, layers, scores, similarity}) =>
    layers.map((layer, i) => {
      const score = scores[i]!;
      return score.status === 'scored'
        ? {step, layer, score: score.value, low: score.low, high: score.high, reason: null, similarity: null}
        : {
            step,
            layer,
            score: null,
            low: null,
            high: null,
            reason: score.reason,
            similarity: similarity?.[i] ?? null,
          };
    }),
  );
}

/** Of `similarity-layers`. */
export interface SimilarityRow {
  layer: LayerName;
  /** R[i, i] and its interval. */
  similarity: number | null;
  low: number | null;
  high: number | null;
  /** What it is read against. */
  floor: number | null;
  spread: number | null;
  scratch: number | null;
  ceiling: number | null;
  /** Why there is no R. */
  reason: string | null;
}

export function similarityRows(baseline: Baseline, reading: Reading): SimilarityRow[] {
  return reading.layers.map((layer, i) => {
    const {retention, interval, floor, spread, scratch, ceiling, passed} = marksOf(baseline, reading, i);
    const {value, reason} = judged(retention, baseline.gates[i]!, NO_VALUE);
    const marks = passed
      ? {floor, spread, scratch, ceiling}
      : {floor: null, spread: null, scratch: null, ceiling: null};
    const ends = value === null ? null : interval;
    return {layer, similarity: value, low: ends?.low ?? null, high: ends?.high ?? null, ...marks, reason};
  });
}

/** What a difference of two runs needs of each. */
export type DifferedRun = Pick<RenderedRun, 'info' | 'baseline' | 'readings'>;

/** Of `two-run-difference`, which draws b − a. */
export interface DifferenceRow {
  /** One of the two names of {@link differenceNames}. */
  run: string;
  step: number;
  layer: LayerName;
  score: number | null;
  /** Why there is no score. */
  reason: string | null;
  /** The difference is clear, by pairs and for all layers of the step together; null where it was not recorded. */
  clear: boolean | null;
}

/**
 * The scores of both runs at the steps that both have.
 *
 * @throws InvarianceError `fingerprint_mismatch` where the runs' numbers do not mean the same; `bad_record` where they
 *   share no step.
 */
export function differenceRows(a: DifferedRun, b: DifferedRun): DifferenceRow[] {
  const [one, other] = [a.info.fingerprint.id, b.info.fingerprint.id];
  if (one !== other) {
    throw new InvarianceError(
      'fingerprint_mismatch',
      `runs of different fingerprints (${one} against ${other}) have no difference: measure both with the same settings`,
    );
  }
  const others = new Map(b.readings.map(reading => [reading.step, reading]));
  const both = a.readings.flatMap(reading => {
    const other = others.get(reading.step);
    return other ? [[reading, other] as const] : [];
  });
  if (both.length === 0) {
    throw new InvarianceError(
      'bad_record',
      `runs ${a.info.id} and ${b.info.id} share no step: read both at the same steps`,
    );
  }
  const names = differenceNames(a, b);
  const clear = both.map(([one, other]) =>
    pairedDifference({reading: one, baseline: a.baseline}, {reading: other, baseline: b.baseline}),
  );
  return names.flatMap((run, which) =>
    both.flatMap((pair, at) =>
      retentionRows([pair[which]!]).map(({step, layer, score, reason}, i) => ({
        run,
        step,
        layer,
        score,
        reason,
        clear: clear[at]?.clear[i] ?? null,
      })),
    ),
  );
}

/** What tells two runs apart: their names, or their ids too where the names are one. */
export function differenceNames(a: DifferedRun, b: DifferedRun): [string, string] {
  return a.info.name === b.info.name
    ? [`${a.info.name}, ${a.info.id} (A)`, `${b.info.name}, ${b.info.id} (B)`]
    : [a.info.name, b.info.name];
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

/** Of `retention-matrix`. */
export interface MatrixRow {
  /** Pretrained layer i. */
  from: LayerName;
  /** Layer j of the finetuned model. */
  to: LayerName;
  value: number | null;
  /** Why there is no value. */
  reason: string | null;
}

export function matrixRows({layers, gates}: Pick<Baseline, 'layers' | 'gates'>, matrix: Matrix): MatrixRow[] {
  return layers.flatMap((from, i) =>
    layers.map((to, j) => ({from, to, ...judged(matrix[i]![j]!, gates[i]!, NO_VALUE)})),
  );
}

/** The value, where the images of its row are inverted well enough, or why there is none. */
function judged(value: number | null, gate: Gate, otherwise: string) {
  if (!gate.passed) return {value: null, reason: notConverged(gate)};
  return {value, reason: value === null ? otherwise : null};
}

const NO_VALUE = 'the layer is constant or not finite';

/** Of `difference-matrix`, which draws minuend − subtrahend. */
export interface DifferenceMatrixRow {
  from: LayerName;
  to: LayerName;
  minuend: number | null;
  subtrahend: number | null;
  /** Why there is no difference. */
  reason: string | null;
}

/** F_t = W0 − R_t, unbiased. */
export function forgettingRows(baseline: Baseline, {retention}: Reading): DifferenceMatrixRow[] {
  const now = matrixRows(baseline, retention.unbiased);
  return matrixRows(baseline, baseline.ceiling.unbiased).map(({from, to, value, reason}, at) => ({
    from,
    to,
    minuend: value,
    subtrahend: now[at]!.value,
    reason: reason ?? now[at]!.reason,
  }));
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
  /** Why there is no share. */
  reason: string | null;
}

export function flowRows(baseline: Baseline, reading: Reading): FlowRow[] {
  const {layers} = reading;
  const blocks = baseline.blocks.map(block => layers.indexOf(block));
  return blocks.flatMap((i, row) => {
    const weights = flowWeights(reading.retention.unbiased[i]!, baseline.floor.unbiased[i]!, blocks);
    const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? 0;
    const known = reading.flow.centre[i] !== null && weights !== null && total > 0;
    const reason = known
      ? null
      : (withheldBy(baseline, i) ?? 'nothing is above the floor, or a layer is withheld');
    return blocks.map((j, column) => {
      return {
        from: layers[i]!,
        row,
        to: layers[j]!,
        column,
        share: known ? weights[column]! / total : null,
        initial: baseline.flow[i]!,
        centre: reading.flow.centre[i]!,
        reason,
      };
    });
  });
}

/** Of `factor-map`. */
export interface FactorRow {
  factor: string;
  layer: LayerName;
  /** I_t − I_0 and its interval. */
  change: number | null;
  low: number | null;
  high: number | null;
  /** I_0 and I_t. */
  pretrained: number | null;
  now: number | null;
  /** Why there is no change. */
  reason: string | null;
}

export function factorRows(baseline: Baseline, {layers, factors = []}: Reading): FactorRow[] {
  return factors.flatMap(({factor, change, invariance}) => {
    const before = baseline.factors?.find(one => one.factor === factor);
    return layers.map((layer, i) => {
      const score = change[i]!;
      const values = {factor, layer, pretrained: before?.invariance[i] ?? null, now: invariance[i]!};
      return score.status === 'scored'
        ? {...values, change: score.value, low: score.low, high: score.high, reason: null}
        : {...values, change: null, low: null, high: null, reason: score.reason};
    });
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
