import type {Baseline, RunInfo} from '../../../types.js';
import type {JournalRecord} from '../../../journal/index.js';
import {configOf, type WandbConfig} from './config.js';

/** Training's own keys that the list of metrics names; the pattern `*` in it covers all others. */
const listedKeys = 500;

/** A run's config as far as the journal was read: it grows with the baseline and with the names of logged values. */
export class RunConfig {
  readonly #info: RunInfo;
  readonly #logged = new Set<string>();
  #baseline: Baseline | null = null;
  /** Line of the run's history that is our first. */
  firstLine = 0;

  constructor(info: RunInfo) {
    this.#info = info;
  }

  /** True where the record adds something. */
  see(record: JournalRecord): boolean {
    const {event} = record.kind === 'event' ? record : {event: null};
    if (event?.type === 'baseline') {
      this.#baseline = event.baseline;
      return true;
    }
    const values =
      record.kind === 'reading' ? record.reading.logged : event?.type === 'logged' ? event.values : {};
    const before = this.#logged.size;
    for (const key of Object.keys(values)) if (this.#logged.size < listedKeys) this.#logged.add(key);
    return this.#logged.size > before;
  }

  get value(): WandbConfig {
    return configOf(this.#info, this.#baseline, this.#logged, this.firstLine);
  }
}
