import type {Reading} from '../../../types.js';
import type {JournalRecord} from '../../../journal/index.js';
import type {AlertRules} from '../settings.js';

export interface Alert {
  layer: string;
  title: string;
  text: string;
}

/** A fall is measured over at least this many steps: over fewer, the noise of two readings is a steep fall. */
export const fallSteps = 100;

/**
 * Which layers fell under the threshold or faster than the rate, each at most once a run. Memory: the readings of
 * `fallSteps` steps.
 */
export class Alerts {
  readonly #rules: AlertRules;
  readonly #raised: Set<string>;
  /** From the newest one that is `fallSteps` old, on. */
  #before: Reading[] = [];

  /** `alerted` are the layers that raised theirs before. */
  constructor(rules: AlertRules, alerted: Iterable<string>) {
    this.#rules = rules;
    this.#raised = new Set(alerted);
  }

  see(record: JournalRecord): Alert[] {
    if (record.kind === 'event') {
      const {event} = record;
      // What was read past the checkpoint belongs to a training that did not happen.
      if (event.type === 'resumed') this.#before = this.#before.filter(({step}) => step <= event.step);
      return [];
    }
    const {reading} = record;
    const old = this.#before.findLastIndex(({step}) => step <= reading.step - fallSteps);
    const alerts = this.#alertsOf(reading, this.#before[old] ?? null);
    this.#before = [...this.#before.slice(Math.max(0, old)), reading];
    for (const {layer} of alerts) this.#raised.add(layer);
    return alerts;
  }

  #alertsOf(reading: Reading, before: Reading | null): Alert[] {
    const {below, fallPer1000Steps} = this.#rules;
    return reading.layers.flatMap((layer, i) => {
      const score = reading.scores[i];
      if (score?.status !== 'scored' || this.#raised.has(layer)) return [];
      const {value} = score;
      const at = `at step ${reading.step}`;
      if (below !== undefined && value < below) {
        const text = `retention of ${layer} is ${value.toFixed(3)} ${at}, under ${below}`;
        return [{layer, title: `low retention in ${layer}`, text}];
      }
      const old = before?.scores[i];
      if (fallPer1000Steps === undefined || before === null || old?.status !== 'scored') return [];
      const steps = reading.step - before.step;
      const rate = ((old.value - value) / steps) * 1000;
      if (rate <= fallPer1000Steps) return [];
      const text =
        `retention of ${layer} fell from ${old.value.toFixed(3)} to ${value.toFixed(3)} within ${steps} steps ${at}: ` +
        `${rate.toFixed(3)} per 1,000 steps, more than ${fallPer1000Steps}`;
      return [{layer, title: `retention of ${layer} falls fast`, text}];
    });
  }
}
