import {InvarianceError} from '../errors.js';
import {pairedDifference} from '../metrics/index.js';
import type {Baseline, Fingerprint, Interval, LayerName, Reading, RunInfo, Score} from '../types.js';
import {fingerprintDifference} from './fingerprint-difference.js';

/** What a comparison needs of a recorded run. */
export interface ComparableRun {
  /** Id, name, layers and fingerprint. */
  info: RunInfo;
  /** What was measured once, on the pretrained model; null where the run did not come to it. */
  baseline: Baseline | null;
  /** At least one. */
  readings: readonly Reading[];
}

/** A number at two readings, and its difference. */
export interface ValueDifference {
  /** In the first; null where it is withheld. */
  a: number | null;
  /** In the second. */
  b: number | null;
  /** b − a; null where either is. */
  difference: number | null;
  /** Lower end of its 95 % interval, over probe images drawn in pairs; null with fewer than 8 images, or not recorded. */
  low: number | null;
  /** Upper end of it. */
  high: number | null;
}

/** One layer at two readings. */
export interface LayerDifference {
  /** The layer. */
  layer: LayerName;
  /** Retention score in the first. */
  a: Score;
  /** Retention score in the second. */
  b: Score;
  /** b − a; null where either is withheld. */
  difference: number | null;
  /** Lower end of its 95 % interval, over probe images drawn in pairs; null with fewer than 8 images, or not recorded. */
  low: number | null;
  /** Upper end of it. */
  high: number | null;
  /** Of R[i, i], which every layer has, scored or not. */
  retention: ValueDifference;
  /** Two-sided p-value of no difference in R[i, i]; null where it cannot be told, or the inversion did not converge. */
  p: number | null;
  /** The same after Holm's correction for all layers that have one. */
  adjusted: number | null;
  /** Where `paired`: `adjusted` is under .05. Else: the intervals of the two scores do not overlap. Null where neither can be told. */
  clear: boolean | null;
}

/** Two readings side by side. */
export interface Comparison {
  /** The one that both share. */
  fingerprint: Fingerprint;
  /** The first run, and the step of its reading. */
  a: {id: string; name: string; step: number};
  /** The second run, and the step of its reading. */
  b: {id: string; name: string; step: number};
  /** Differences are taken on the same probe images; false where a run was recorded before these were kept. */
  paired: boolean;
  /** Shallow to deep. */
  layers: LayerDifference[];
  /** Of the mean score. */
  meanScore: ValueDifference;
}

/**
 * Two readings of one fingerprint, layer by layer: the last of each run (or the last at or before `step`). Two checkpoints of
 * one run compare as well.
 *
 * What is clear is said of the probe images: others of the same kind would show it too. It says nothing of another training
 * seed, as each run is one training.
 *
 * @param a the first run, as `readRun` gives it.
 * @param b the second, or the first again.
 * @param options.step the last reading at or before it, of both runs or of each its own. Default: the last of each run.
 * @throws InvarianceError `fingerprint_mismatch` with the reason, where the numbers do not mean the same;
 *   `bad_record` where a run holds no reading yet.
 * @example
 * import {compareRuns, readRun} from 'wandb-invariance';
 *
 * const a = await readRun('invariance/20260311-142530-3f9a');
 * const b = await readRun('invariance/20260311-160812-c07e');
 * for (const {layer, difference, clear} of compareRuns(a, b).layers) console.log(layer, difference, clear);
 * const later = compareRuns(a, a, {step: [100, 400]}); // what changed in between
 */
export function compareRuns(
  a: ComparableRun,
  b: ComparableRun,
  options: {step?: number | readonly [number, number]} = {},
): Comparison {
  const reason = fingerprintDifference(a.info.fingerprint, b.info.fingerprint);
  if (reason !== null) {
    throw new InvarianceError(
      'fingerprint_mismatch',
      `runs ${a.info.id} and ${b.info.id} cannot be compared: ${reason}`,
    );
  }
  const {step} = options;
  const [stepA, stepB] = typeof step === 'object' ? step : [step, step];
  const [before, after] = [lastReading(a, stepA), lastReading(b, stepB)];
  const pairs = pairedDifference(
    {reading: before, baseline: a.baseline},
    {reading: after, baseline: b.baseline},
  );
  const kept = ({retention}: Reading, i: number) => retention.unbiased[i]![i]!;
  return {
    fingerprint: a.info.fingerprint,
    a: {id: a.info.id, name: a.info.name, step: before.step},
    b: {id: b.info.id, name: b.info.name, step: after.step},
    paired: pairs !== null,
    layers: a.info.layers.map((layer, i) => {
      const scores = {a: before.scores[i]!, b: after.scores[i]!};
      const score = valueDifference(valueOf(scores.a), valueOf(scores.b), pairs?.scores[i]);
      return {
        layer,
        ...score,
        ...scores,
        retention: valueDifference(kept(before, i), kept(after, i), pairs?.retention[i]),
        p: pairs?.p[i] ?? null,
        adjusted: pairs?.adjusted[i] ?? null,
        clear: pairs ? pairs.clear[i]! : apart(scores.a, scores.b),
      };
    }),
    meanScore: valueDifference(before.meanScore, after.meanScore, pairs?.meanScore),
  };
}

function lastReading(run: ComparableRun, step = Infinity): Reading {
  const reading = run.readings
    .filter(reading => reading.step <= step)
    .reduce<Reading | null>((last, next) => (last === null || next.step >= last.step ? next : last), null);
  if (reading === null) {
    const when = step === Infinity ? 'yet' : `at or before step ${step}`;
    throw new InvarianceError(
      'bad_record',
      `run ${run.info.id} holds no reading ${when}: let it take one first`,
    );
  }
  return reading;
}

function valueOf(score: Score): number | null {
  return score.status === 'scored' ? score.value : null;
}

function valueDifference(a: number | null, b: number | null, interval?: Interval | null): ValueDifference {
  const difference = a === null || b === null ? null : b - a;
  return {a, b, difference, low: interval?.low ?? null, high: interval?.high ?? null};
}

/** The intervals of the two scores do not overlap. Null where either is missing. */
function apart(a: Score, b: Score): boolean | null {
  if (a.status === 'withheld' || b.status === 'withheld') return null;
  if (a.low === null || a.high === null || b.low === null || b.high === null) return null;
  return a.low > b.high || b.low > a.high;
}
