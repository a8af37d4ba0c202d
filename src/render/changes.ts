import {pairedDifference} from '../metrics/index.js';
import type {Baseline, Reading} from '../types.js';
import {listed} from '../listed.js';

/**
 * Which layers still changed in the second half of what is measured, in a sentence: the last reading against the last one at or
 * before half its step. None without such a reading, or where half-samples were not recorded.
 */
export function changeSentences(baseline: Baseline, readings: readonly Reading[]): string[] {
  const last = readings.at(-1);
  const earlier = last && readings.findLast(({step}) => step > 0 && 2 * step <= last.step);
  const pairs = last && earlier && pairedDifference({reading: earlier, baseline}, {reading: last, baseline});
  if (!pairs) return [];
  const {layers, retention} = last;
  const change = (i: number) => retention.unbiased[i]![i]! - earlier.retention.unbiased[i]![i]!;
  const where = (sign: 1 | -1) => layers.filter((_, i) => pairs.clear[i] === true && sign * change(i) > 0);
  const [fell, rose] = [where(-1), where(1)];
  const between = `Between step ${earlier.step} and step ${last.step}`;
  if (fell.length + rose.length === 0) return [`${between} no layer changed clearly.`];
  const words = [
    ...(fell.length ? [`${listed(fell, layers)} clearly lost more`] : []),
    ...(rose.length ? [`${listed(rose, layers)} clearly regained some`] : []),
  ];
  const rest = fell.length + rose.length < layers.length ? '; no other layer changed clearly' : '';
  return [
    `${between} ${words.join(' and ')} (R on the same probe images, 5 % for all layers together)${rest}.`,
  ];
}
