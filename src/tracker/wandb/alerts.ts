import type {Reading} from '../../types.js';
import type {AlertRules} from './settings.js';

export interface Alert {
  layer: string;
  title: string;
  text: string;
}

/**
 * Which layers fell under the threshold or faster than the rate, each at most once a run: `alerted` are those that
 * raised theirs before. `previous` is the reading before this one, null for the first.
 */
export function alertsOf(
  rules: AlertRules,
  reading: Reading,
  previous: Reading | null,
  alerted: readonly string[],
): Alert[] {
  return reading.layers.flatMap((layer, i) => {
    const score = reading.scores[i];
    if (score?.status !== 'scored' || alerted.includes(layer)) return [];
    const {value} = score;
    const at = `at step ${reading.step}`;
    if (rules.below !== undefined && value < rules.below) {
      const text = `retention of ${layer} is ${value.toFixed(3)} ${at}, under ${rules.below}`;
      return [{layer, title: `${layer} forgets`, text}];
    }
    const before = previous?.scores[i];
    const steps = reading.step - (previous?.step ?? 0);
    if (rules.fallPer1000Steps === undefined || before?.status !== 'scored' || steps <= 0) return [];
    const rate = ((before.value - value) / steps) * 1000;
    if (rate <= rules.fallPer1000Steps) return [];
    const text =
      `retention of ${layer} fell from ${before.value.toFixed(3)} to ${value.toFixed(3)} within ${steps} steps ${at}: ` +
      `${rate.toFixed(3)} per 1,000 steps, more than ${rules.fallPer1000Steps}`;
    return [{layer, title: `${layer} forgets fast`, text}];
  });
}
