import {InvarianceError} from '../errors.js';
import type {Baseline, Fingerprint, LayerName, Reading, RunInfo, Score} from '../types.js';
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

/** One layer of two runs at their last readings. */
export interface LayerDifference {
  /** The layer. */
  layer: LayerName;
  /** Retention score in the first run. */
  a: Score;
  /** Retention score in the second run. */
  b: Score;
  /** b − a; null where either is withheld. */
  difference: number | null;
  /** The two intervals do not overlap. Null where an interval is missing. */
  clear: boolean | null;
}

/** Two runs side by side. */
export interface Comparison {
  /** The one that both share. */
  fingerprint: Fingerprint;
  /** The first run, and the step of its reading. */
  a: {id: string; name: string; step: number};
  /** The second run, and the step of its reading. */
  b: {id: string; name: string; step: number};
  /** Shallow to deep. */
  layers: LayerDifference[];
}

/**
 * Two runs of one fingerprint, layer by layer, at the last reading of each (or the last at or before `step`).
 *
 * @param a the first run, as `readRun` gives it.
 * @param b the second.
 * @param options.step the last reading at or before it. Default: the last of each run.
 * @throws InvarianceError `fingerprint_mismatch` with the reason, where the numbers do not mean the same;
 *   `bad_record` where a run holds no reading yet.
 * @example
 * import {compareRuns, readRun} from 'wandb-invariance';
 *
 * const a = await readRun('invariance/20260311-142530-3f9a');
 * const b = await readRun('invariance/20260311-160812-c07e');
 * for (const {layer, difference, clear} of compareRuns(a, b).layers) console.log(layer, difference, clear);
 */
export function compareRuns(a: ComparableRun, b: ComparableRun, options: {step?: number} = {}): Comparison {
  const reason = fingerprintDifference(a.info.fingerprint, b.info.fingerprint);
  if (reason !== null) {
    throw new InvarianceError(
      'fingerprint_mismatch',
      `runs ${a.info.id} and ${b.info.id} cannot be compared: ${reason}. measure both with the same settings`,
    );
  }
  const last = {a: lastReading(a, options.step), b: lastReading(b, options.step)};
  return {
    fingerprint: a.info.fingerprint,
    a: {id: a.info.id, name: a.info.name, step: last.a.step},
    b: {id: b.info.id, name: b.info.name, step: last.b.step},
    layers: a.info.layers.map((layer, i) => layerDifference(layer, last.a.scores[i]!, last.b.scores[i]!)),
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

function layerDifference(layer: LayerName, a: Score, b: Score): LayerDifference {
  if (a.status === 'withheld' || b.status === 'withheld') return {layer, a, b, difference: null, clear: null};
  const known = a.low !== null && a.high !== null && b.low !== null && b.high !== null;
  return {
    layer,
    a,
    b,
    difference: b.value - a.value,
    clear: known ? a.low! > b.high! || b.low! > a.high! : null,
  };
}
