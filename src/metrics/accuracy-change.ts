import type {Score} from '../types.js';
import {correct} from './ridge.js';

/** 97.5 % quantile of the standard normal. */
const Z = 1.959964;

/** Spread of the change of a refitted probe over sets of probe images, in that of independent answers: 1.1 to 1.25, measured. */
const REFITTED = 1.25;

/**
 * Accuracy after minus accuracy before on the same images, in [−1, 1], with a 95 % interval over images.
 *
 * The interval is that of Agresti & Min (2005) for paired proportions: half an image is added to each of the four cells of
 * right and wrong, so that few images that differ do not pass for none; what it covers is in docs/metrics.md. Equal
 * scores, to the bit, are no change: 0 [0, 0].
 *
 * @param before scores of the classes, (n, classes), row-major.
 * @param after of the same images.
 * @param labels class of each image.
 * @param options.refitted both scores are of probes fitted on these same images: the interval is 1.25 times as wide, as answers
 *   of probes that share their images err together. Default false.
 */
export function accuracyChange(
  before: Float64Array,
  after: Float64Array,
  labels: ArrayLike<number>,
  {refitted = false} = {},
): Extract<Score, {status: 'scored'}> {
  if (before.every((score, at) => score === after[at])) return {status: 'scored', value: 0, low: 0, high: 0};
  const was = correct(before, labels);
  const is = correct(after, labels);
  const gained = is.filter((hit, i) => hit > was[i]!).length;
  const lost = is.filter((hit, i) => hit < was[i]!).length;
  const value = (gained - lost) / labels.length;
  const n = labels.length + 2;
  const centre = (gained - lost) / n;
  const half = ((refitted ? REFITTED : 1) * Z * Math.sqrt(gained + lost + 1 - (gained - lost) ** 2 / n)) / n;
  return {
    status: 'scored',
    value,
    low: Math.max(-1, Math.min(value, centre - half)),
    high: Math.min(1, Math.max(value, centre + half)),
  };
}
