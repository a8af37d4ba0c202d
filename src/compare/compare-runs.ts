import {InvarianceError} from '../errors.js';
import type {Baseline, Fingerprint, LayerName, Reading, RunInfo, Score} from '../types.js';
import {fingerprintDifference} from './fingerprint-difference.js';

/** What a comparison needs of a recorded run. */
export interface ComparableRun {
  info: RunInfo;
  baseline: Baseline | null;
  readings: readonly Reading[];
}

/** One layer of two runs at their last readings. */
export interface LayerDifference {
  layer: LayerName;
  a: Score;
  b: Score;
  /** b − a; null where either is withheld. */
  difference: number | null;
  /** The two intervals do not overlap. Null where an interval is missing. */
  clear: boolean | null;
}

export interface Comparison {
  fingerprint: Fingerprint;
  a: {id: string; name: string; step: number};
  b: {id: string; name: string; step: number};
  layers: LayerDifference[];
}

/**
 * Two runs of one fingerprint, layer by layer, at the last reading of each (or the last at or before `step`).
 *
 * @throws InvarianceError `fingerprint_mismatch` with the reason, where the numbers do not mean the same;
 *   `bad_record` where a run holds no reading yet.
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
