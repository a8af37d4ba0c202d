import type {Baseline, Interval, Reading} from './types.js';

/** R of one layer and what it is read against, unbiased; null where withheld, or not on record. */
export interface Marks {
  /** R_t[i, i]. */
  retention: number | null;
  /** Its 95 % interval. */
  interval: Interval | null;
  /** N[i, i]: what the architecture alone gives, the mean over the random networks. */
  floor: number | null;
  /** Standard deviation of N[i, i] over those networks. */
  spread: number | null;
  /** What training on the new task alone gives. */
  scratch: number | null;
  /** W0[i, i]: what the pretrained model itself gives. */
  ceiling: number | null;
  /** The inversion of the layer converged: without it none of these says anything. */
  passed: boolean;
}

/** What R of layer i is read against, whether or not it makes a score. */
export function marksOf(baseline: Baseline, reading: Reading, i: number): Marks {
  return {
    retention: reading.retention.unbiased[i]![i]!,
    interval: reading.retentionIntervals?.[i] ?? null,
    floor: baseline.floor.unbiased[i]![i]!,
    spread: baseline.floorSpread?.diagonal[i] ?? null,
    scratch: baseline.scratch?.unbiased[i]![i] ?? null,
    ceiling: baseline.ceiling.unbiased[i]![i]!,
    passed: baseline.gates[i]!.passed,
  };
}

/** Where the inversion converged, the layers whose R with its whole interval lies under the ceiling; deepest fall first. */
export function fallen(baseline: Baseline, reading: Reading): {layer: string; marks: Marks}[] {
  return reading.layers
    .map((layer, i) => ({layer, marks: marksOf(baseline, reading, i)}))
    .filter(
      ({marks: {interval, ceiling, passed}}) =>
        passed && ceiling !== null && interval !== null && interval.high < ceiling,
    )
    .sort((a, b) => fallOf(b.marks) - fallOf(a.marks));
}

function fallOf({ceiling, retention}: Marks): number {
  return ceiling === null || retention === null ? 0 : ceiling - retention;
}

/** R_t[i, i]; null where the images that it rests on are not known to be inverted well enough. */
export function similarityOf(reading: Reading, baseline: Baseline | null, i: number): number | null {
  return baseline?.gates[i]!.passed ? reading.retention.unbiased[i]![i]! : null;
}
