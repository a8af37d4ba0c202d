import type {Baseline, Reading, RunEvent, RunState} from '../types.js';
import {JournalEnd} from './journal-end.js';
import type {JournalRecord} from './journal-record.js';
import type {Writer} from './writer.js';

/**
 * What the records of a journal come to. After a resume from step s, what the crashed process had read and logged past s
 * is superseded: training went on from s, not from there.
 */
export class RunFold {
  readonly #readings = new Map<number, Reading>();
  readonly #end = new JournalEnd();
  #events: RunEvent[] = [];
  /** Null until the first measurement of the pretrained model is on record. */
  baseline: Baseline | null = null;

  see(record: JournalRecord): void {
    this.#end.see(record);
    if (record.kind === 'reading') {
      this.#readings.set(record.reading.step, record.reading);
      return;
    }
    const {event} = record;
    this.#events.push(event);
    if (event.type === 'baseline') this.baseline = event.baseline;
    if (event.type !== 'resumed') return;
    for (const step of this.#readings.keys()) if (step > event.step) this.#readings.delete(step);
    this.#events = this.#events.filter(past => {
      const step = past.type === 'logged' || past.type === 'notice' ? past.step : undefined;
      return step === undefined || step <= event.step;
    });
  }

  /** By step; of two at one step the later one stands. */
  get readings(): Reading[] {
    return [...this.#readings.values()].sort((a, b) => a.step - b.step);
  }

  get events(): RunEvent[] {
    return this.#events;
  }

  state(writer: Writer | 'elsewhere'): RunState {
    return this.#end.state(writer);
  }
}
