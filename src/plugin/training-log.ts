import type {LogEntry} from '../models/index.js';

/** What a training has logged: the entries that go on record and into checkpoints, and all values of the newest step. */
export class TrainingLog {
  readonly entries: LogEntry[];
  private newest: {step: number; values: Record<string, number>};

  /** @param entries of the run so far, where it is resumed at `step` */
  constructor({entries, step}: {entries: readonly LogEntry[]; step: number}) {
    this.entries = [...entries];
    this.newest = {step, values: {}};
  }

  /** Takes values as of a step, beside those that it has already. */
  report(step: number, values: Readonly<Record<string, number>>): void {
    this.newest = {step, values: {...this.valuesAt(step), ...values}};
  }

  /** All values that were reported at this step, if it is the newest. */
  valuesAt(step: number): Record<string, number> {
    return this.newest.step === step ? {...this.newest.values} : {};
  }

  /** Names of the values in the entries, in the order they first came. */
  names(): string[] {
    return [...new Set(this.entries.flatMap(({values}) => Object.keys(values)))];
  }
}
