import type {RunState} from '../types.js';
import type {JournalRecord} from './journal-record.js';
import type {Writer} from './writer.js';

/** The one rule of how a run stands, as its records tell it one after the other. */
export class JournalEnd {
  #state: Exclude<RunState, 'running'> | null = null;
  #seq = -1;

  see(record: JournalRecord): void {
    // Notices may follow the end; a record of training takes it back.
    if (record.kind === 'reading' || ['logged', 'resumed', 'baseline'].includes(record.event.type))
      this.#state = null;
    else if (record.event.type === 'ended') {
      this.#state = record.event.state;
      this.#seq = record.seq;
    }
  }

  /** Null where there is none, or none from record `seq` on. */
  since(seq: number): Exclude<RunState, 'running'> | null {
    return this.#seq >= seq ? this.#state : null;
  }

  /** How the run stands, given who writes it: without an end it is running as long as that process may live. */
  state(writer: Writer | 'elsewhere'): RunState {
    if (writer === 'elsewhere') return this.since(0) ?? 'running';
    // A process that resumes the run says so a moment after it has opened the journal.
    return this.since(writer.lives ? writer.from : 0) ?? (writer.lives ? 'running' : 'crashed');
  }
}
