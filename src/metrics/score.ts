import {InvarianceError} from '../errors.js';
import type {Estimates, Gate, Score} from '../types.js';
import {notConverged} from './gate.js';
import {intervalOfHalves, type Halves} from './halves.js';
import {MIN_IMAGES, TOO_FEW, withheld} from './similarity.js';
import {studentDraws, studentQuantile} from './student.js';

/** A ceiling less than this above its floor leaves no range in which a score could be read. */
const MIN_RANGE = 0.1;

/**
 * The retention score of each layer: r_t[i] = (R_t[i, i] − N[i, i]) / (W0[i, i] − N[i, i]), unbiased estimates. 1 = all
 * that the pretrained model itself shows, 0 = what random networks of this architecture show on average; values outside
 * [0, 1] happen and are not cut. [ours]
 *
 * The interval is over probe images, their seeds (one is drawn for each image, so half-samples of images are half-samples
 * of seeds) and the draws of the random networks: on each half-sample R, W0 and N are taken anew, N moved by a draw of
 * the error of its mean, s/√k · t(k − 1) for k networks of standard deviation s.
 *
 * Withheld where there are fewer than 4 images, the inversion did not converge (the layer's gate), the ceiling, floor or
 * retention is missing, or the ceiling is not surely 0.1 above the floor: W0 − N, less the error of N at 95 %, under 0.1.
 *
 * @param options
 * @param options.retention R_t, layers × layers.
 * @param options.baseline of the same layers; without `floorSpread` the floor is taken as exact.
 * @param options.halves R_t[i, i], W0[i, i] and N[i, i] on the same half-samples, one a layer each; null for no intervals.
 * @param options.count number of probe images.
 * @returns one score a layer.
 * @throws InvarianceError `bad_option` where the arguments are not of the same layers.
 * @example
 * import {retentionScores, type Estimates, type ScoredBy} from 'wandb-invariance/metrics';
 *
 * declare const retention: Estimates, baseline: ScoredBy;
 * for (const score of retentionScores({retention, baseline, halves: null, count: 64})) {
 *   console.log(score.status === 'scored' ? score.value : score.reason);
 * }
 */
export function retentionScores({
  retention,
  baseline,
  halves,
  count,
}: {
  retention: Estimates;
  baseline: ScoredBy;
  halves: DiagonalHalves | null;
  count: number;
}): Score[] {
  const layers = retention.unbiased.length;
  const lists: (readonly [string, readonly unknown[]])[] = [
    ['ceiling', baseline.ceiling.unbiased],
    ['floor', baseline.floor.unbiased],
    ['gates', baseline.gates],
    ...Object.values(halves ?? {}).map(list => ['half-samples', list as readonly Halves[]] as const),
  ];
  for (const [name, {length}] of lists) {
    if (length !== layers) {
      throw new InvarianceError('bad_option', `${name} of ${length} layers for retention of ${layers}`);
    }
  }
  return retention.unbiased.map((row, i) => {
    if (count < MIN_IMAGES) return withheld(TOO_FEW);
    const scale = scaleOf(baseline, i);
    if (scale.status === 'withheld') return scale;
    const kept = row[i]!;
    if (kept === null) return withheld('the layer is constant or not finite at this step');
    const value = (kept - scale.bottom) / scale.range;
    const sampled = halves && onHalves(halves, scale.error, i);
    const {low, high} = sampled ? intervalOfHalves(value, sampled) : {low: null, high: null};
    return {status: 'scored', value, low, high};
  });
}

/** Diagonals on the same half-samples of the probes, one entry a layer. */
export interface DiagonalHalves {
  /** R_t[i, i]. */
  retention: readonly Halves[];
  /** W0[i, i]. */
  ceiling: readonly Halves[];
  /** N[i, i], the mean over the random networks. */
  floor: readonly Halves[];
}

/**
 * Layer i's score on each half-sample; null where the baseline cannot score it, or a half is withheld. Draws of the floor's
 * error are the same for all readings of a baseline, so that they pair.
 */
export function scoreHalves(halves: DiagonalHalves, baseline: ScoredBy, i: number): Halves {
  const scale = scaleOf(baseline, i);
  return scale.status === 'ready' ? onHalves(halves, scale.error, i) : null;
}

/** The score on each half-sample, with the error of the floor's mean drawn beside it. */
function onHalves({retention, ceiling, floor}: DiagonalHalves, error: FloorError, i: number): Halves {
  const [kept, top, bottom] = [retention[i]!, ceiling[i]!, floor[i]!];
  if (kept === null || top === null || bottom === null) return null;
  const draw = studentDraws(error.freedom);
  return kept.map((value, half) => {
    const chance = bottom[half]! + error.standard * draw();
    return (value - chance) / (top[half]! - chance);
  });
}

/**
 * Mean score over the layers that the baseline can score. Null where it can score none, or where one of them has no score
 * now: a mean that left it out would rise when a layer breaks.
 *
 * @param scores one a layer.
 * @param baseline of the same layers.
 * @example
 * import {meanScore} from 'wandb-invariance/metrics';
 * import {readRun} from 'wandb-invariance';
 *
 * const {baseline, readings} = await readRun('invariance/20260311-142530-3f9a');
 * if (baseline) console.log(readings.map(({scores}) => meanScore(scores, baseline)));
 */
export function meanScore(scores: readonly Score[], baseline: ScoredBy): number | null {
  const expected = scores.filter((_, i) => scaleOf(baseline, i).status === 'ready');
  const values = expected.flatMap(score => (score.status === 'scored' ? [score.value] : []));
  if (values.length === 0 || values.length < expected.length) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** What of a run's baseline decides whether a layer can be scored. */
export interface ScoredBy {
  /** W0, layers × layers. */
  ceiling: Estimates;
  /** N, layers × layers: the mean over the random networks. */
  floor: Estimates;
  /** How many they are, and the standard deviation of N[i, i] over them. */
  floorSpread?: {draws: number; diagonal: readonly (number | null)[]};
  /** One a layer. */
  gates: readonly Gate[];
}

/** Of the mean over k random networks: s/√k, with k − 1 degrees of freedom; 0 where a single one is taken as exact. */
interface FloorError {
  standard: number;
  freedom: number;
}

/** Why no reading of this baseline can score layer i; null where one can. */
export function withheldBy(baseline: ScoredBy, i: number): string | null {
  const scale = scaleOf(baseline, i);
  return scale.status === 'withheld' ? scale.reason : null;
}

/** Where 0 stands on layer i's scale and how far 1 is from it, or why no reading can be scored on it. */
function scaleOf(
  {ceiling, floor, floorSpread, gates}: ScoredBy,
  i: number,
): {status: 'ready'; bottom: number; range: number; error: FloorError} | ReturnType<typeof withheld> {
  const top = ceiling.unbiased[i]![i]!;
  const bottom = floor.unbiased[i]![i]!;
  if (top === null) return withheld('the layer is constant or not finite in the pretrained model');
  if (!gates[i]!.passed) return withheld(notConverged(gates[i]!));
  if (bottom === null) return withheld('the layer is constant or not finite in the random network');
  const draws = floorSpread?.draws ?? 1;
  const spread = floorSpread?.diagonal[i] ?? 0;
  const error = {standard: spread / Math.sqrt(draws), freedom: draws - 1};
  const range = top - bottom;
  const unsure = error.freedom > 0 ? studentQuantile(error.freedom) * error.standard : 0;
  const by = unsure > 0 ? `${bottom.toFixed(3)} ± ${unsure.toFixed(3)}` : bottom.toFixed(3);
  if (range < MIN_RANGE) {
    return withheld(
      `floor too close to ceiling: the architecture alone gives ${by} of ${top.toFixed(3)} here, pretraining added too little to measure`,
    );
  }
  if (range - unsure < MIN_RANGE) {
    return withheld(
      `floor too uncertain: ${draws} random networks give ${by} of ${top.toFixed(3)} here; more of them would tell`,
    );
  }
  return {status: 'ready', bottom, range, error};
}
