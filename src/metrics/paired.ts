import type {Baseline, Interval, Reading} from '../types.js';
import {differenceOfHalves, HALF_SAMPLES, intervalOfHalves, unpackHalves, type Halves} from './halves.js';
import {scoreHalves, type DiagonalHalves} from './score.js';

/** A difference is clear where its p-value, adjusted for all layers looked at, is under this. */
const SIGNIFICANCE = 0.05;

/** Half-samples are recorded in steps of 1/32767: a spread is not known any finer. */
const RESOLUTION = 1 / 32767;

/** A reading and what it is scored by. */
export interface ComparedReading {
  reading: Pick<Reading, 'layers' | 'retention' | 'scores' | 'meanScore' | 'halves'>;
  /** Null where it is not known: R is compared then, and no score has an interval. */
  baseline: Baseline | null;
}

/** What the second of two readings has more than the first, on the same probe images; one entry a layer. */
export interface PairedDifference {
  /** 95 % intervals of the differences of the scores; null where either score is withheld. */
  scores: (Interval | null)[];
  /** 95 % intervals of the differences of R[i, i], scored or not. */
  retention: (Interval | null)[];
  /** Two-sided p-values of no difference in R[i, i], and so none in the score; null where the inversion did not converge. */
  p: (number | null)[];
  /** The same, adjusted for all of them by `holm`. */
  adjusted: (number | null)[];
  /** `adjusted` is under .05. */
  clear: (boolean | null)[];
  /** 95 % interval of the difference of the mean scores; null where either has none. */
  meanScore: Interval | null;
}

/**
 * Compares two readings of one fingerprint by pairs: on each half-sample of the probes both were measured on the same images,
 * so what these images have in common cancels. Null where half-samples of either were not recorded.
 */
export function pairedDifference(a: ComparedReading, b: ComparedReading): PairedDifference | null {
  const {layers} = a.reading;
  const [first, second] = [diagonals(a), diagonals(b)];
  if (first === null || second === null) return null;
  const value = ({reading}: ComparedReading, i: number) => reading.retention.unbiased[i]![i]!;
  const tests = layers.map((_, i) => {
    const [before, after] = [value(a, i), value(b, i)];
    const halves = differenceOfHalves(second.retention[i]!, first.retention[i]!);
    return before === null || after === null || halves === null ? null : pairedTest(after - before, halves);
  });
  const scored = layers.map((_, i) => differenceOfHalves(second.scores[i]!, first.scores[i]!));
  const scores = layers.map((_, i) => {
    const [before, after] = [a.reading.scores[i]!, b.reading.scores[i]!];
    const halves = scored[i]!;
    if (before.status === 'withheld' || after.status === 'withheld' || halves === null) return null;
    return intervalOfHalves(after.value - before.value, halves);
  });
  const p = tests.map((test, i) => (a.baseline?.gates[i]?.passed === false ? null : (test?.p ?? null)));
  const adjusted = holm(p);
  return {
    scores,
    retention: tests.map(test => test && {low: test.low, high: test.high}),
    p,
    adjusted,
    clear: adjusted.map(value => (value === null ? null : value < SIGNIFICANCE)),
    meanScore: meanInterval(a, b, scored),
  };
}

/**
 * 95 % interval of a difference and its two-sided p-value, from the same difference on each half-sample.
 *
 * The delete-half spread is the standard error (see `bootstrapCka`), and the difference of two similarities over many images
 * is close to normal, so p is the normal's: 200 draws hold no quantile that a correction for 13 layers could use. The spread is
 * taken around the full value, so that what half as many images shift counts as error.
 */
export function pairedTest(value: number, halves: Float64Array): Interval & {p: number} {
  const squares = halves.reduce((sum, half) => sum + (half - value) ** 2, 0);
  const spread = Math.hypot(Math.sqrt(squares / halves.length), RESOLUTION);
  return {...intervalOfHalves(value, halves), p: twoSided(value / spread)};
}

/**
 * Holm's step-down (1979): the p-values times the number of those not yet passed, in ascending order and never falling, so
 * that under any dependence the chance of one false alarm among all stays under the level. Null stays null and is not counted.
 */
export function holm(p: readonly (number | null)[]): (number | null)[] {
  const order = p
    .flatMap((value, i) => (value === null ? [] : [{value, i}]))
    .sort((a, b) => a.value - b.value);
  const adjusted = new Array<number | null>(p.length).fill(null);
  let reached = 0;
  order.forEach(({value, i}, passed) => {
    reached = Math.max(reached, Math.min(1, value * (order.length - passed)));
    adjusted[i] = reached;
  });
  return adjusted;
}

function diagonals({reading, baseline}: ComparedReading): {retention: Halves[]; scores: Halves[]} | null {
  const {halves, layers} = reading;
  if (halves === undefined) return null;
  const retention = unpackHalves(halves, layers.length);
  if (baseline?.halves === undefined) return {retention, scores: layers.map(() => null)};
  const all: DiagonalHalves = {
    retention,
    ceiling: unpackHalves(baseline.halves.ceiling, layers.length),
    floor: unpackHalves(baseline.halves.floor, layers.length),
  };
  return {retention, scores: layers.map((_, i) => scoreHalves(all, baseline, i))};
}

function meanInterval(a: ComparedReading, b: ComparedReading, scored: readonly Halves[]): Interval | null {
  if (a.reading.meanScore === null || b.reading.meanScore === null) return null;
  const known = scored.flatMap((halves, i) => (a.reading.scores[i]!.status === 'scored' ? [halves] : []));
  if (!known.every(halves => halves !== null)) return null;
  const mean = Float64Array.from({length: HALF_SAMPLES}, (_, half) =>
    known.reduce((sum, halves) => sum + halves[half]! / known.length, 0),
  );
  return intervalOfHalves(b.reading.meanScore - a.reading.meanScore, mean);
}

/** Chance of a standard normal at least this far from 0: erfc(|z| / √2), Numerical Recipes' Chebyshev fit, relative error under 1.2e-7. */
function twoSided(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  return t * Math.exp(COEFFICIENTS.reduceRight((sum, coefficient) => sum * t + coefficient, 0) - x * x);
}

const COEFFICIENTS = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
  -0.82215223, 0.17087277,
];
