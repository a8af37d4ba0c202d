import {InvarianceError} from '../errors.js';
import type {Estimates, Gate, Interval, Score} from '../types.js';
import {notConverged} from './gate.js';
import {MIN_IMAGES, TOO_FEW, withheld} from './similarity.js';

/** A ceiling less than this above its floor leaves no range in which a score could be read. */
export const MIN_RANGE = 0.1;

/**
 * The retention score of each layer: r_t[i] = (R_t[i, i] − N[i, i]) / (W0[i, i] − N[i, i]), unbiased estimates. 1 = all
 * that the pretrained model itself shows, 0 = what a random network of this architecture shows; values outside [0, 1]
 * happen and are not cut. [ours]
 *
 * The interval is that of R_t[i, i], mapped through the same line with ceiling and floor taken as constants.
 *
 * Withheld where there are fewer than 4 images, the inversion did not converge (the layer's gate), the ceiling, floor or
 * retention is missing, or ceiling − floor < 0.1.
 *
 * @param options
 * @param options.retention R_t, layers × layers.
 * @param options.ceiling W0, layers × layers.
 * @param options.floor N, layers × layers.
 * @param options.intervals of R_t[i, i], one a layer, null where there is none.
 * @param options.gates one a layer, of the inverted images in use.
 * @param options.count number of probe images.
 * @returns one score a layer.
 * @throws InvarianceError `bad_option` where the arguments are not of the same layers.
 * @example
 * import {retentionScores, type Estimates, type Gate, type Interval} from 'wandb-invariance/metrics';
 *
 * declare const retention: Estimates, ceiling: Estimates, floor: Estimates;
 * declare const intervals: (Interval | null)[], gates: Gate[]; // one a layer
 * for (const score of retentionScores({retention, ceiling, floor, intervals, gates, count: 64})) {
 *   console.log(score.status === 'scored' ? score.value : score.reason);
 * }
 */
export function retentionScores({
  retention,
  ceiling,
  floor,
  intervals,
  gates,
  count,
}: {
  retention: Estimates;
  ceiling: Estimates;
  floor: Estimates;
  intervals: readonly (Interval | null)[];
  gates: readonly Gate[];
  count: number;
}): Score[] {
  const layers = retention.unbiased.length;
  for (const [name, {length}] of Object.entries({
    ceiling: ceiling.unbiased,
    floor: floor.unbiased,
    intervals,
    gates,
  })) {
    if (length !== layers) {
      throw new InvarianceError('bad_option', `${name} of ${length} layers for retention of ${layers}`);
    }
  }
  return retention.unbiased.map((row, i) => {
    if (count < MIN_IMAGES) return withheld(TOO_FEW);
    const scale = scaleOf({ceiling, floor, gates}, i);
    if (scale.status === 'withheld') return scale;
    const kept = row[i]!;
    if (kept === null) return withheld('the layer is constant or not finite at this step');
    const score = (similarity: number) => (similarity - scale.bottom) / scale.range;
    const interval = intervals[i]!;
    return {
      status: 'scored',
      value: score(kept),
      low: interval && score(interval.low),
      high: interval && score(interval.high),
    };
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
  /** N, layers × layers. */
  floor: Estimates;
  /** One a layer. */
  gates: readonly Gate[];
}

/** Where 0 stands on layer i's scale and how far 1 is from it, or why no reading can be scored on it. */
function scaleOf(
  {ceiling, floor, gates}: ScoredBy,
  i: number,
): {status: 'ready'; bottom: number; range: number} | ReturnType<typeof withheld> {
  const top = ceiling.unbiased[i]![i]!;
  const bottom = floor.unbiased[i]![i]!;
  if (top === null) return withheld('the layer is constant or not finite in the pretrained model');
  if (!gates[i]!.passed) return withheld(notConverged(gates[i]!));
  if (bottom === null) return withheld('the layer is constant or not finite in the random network');
  const range = top - bottom;
  if (range < MIN_RANGE) {
    return withheld(
      `floor too close to ceiling: ${bottom.toFixed(3)} and ${top.toFixed(3)} are less than ${MIN_RANGE} apart`,
    );
  }
  return {status: 'ready', bottom, range};
}
