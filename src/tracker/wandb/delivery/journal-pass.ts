import {JournalEnd, JournalTail} from '../../../journal/index.js';
import type {RunInfo} from '../../../types.js';
import {quotedBytes} from '../content/quoted-bytes.js';
import {RowMaker, type Pictures} from '../content/rows.js';
import {Summary} from '../content/summary.js';
import {requestBytes, requestRows} from './row-sender.js';
import type {SideUploads} from './side-uploads.js';
import type {PendingRow, Target} from './target.js';

export interface JournalPassOptions {
  folder: string;
  info: RunInfo;
  /** First line of the run that is ours. */
  base: number;
  target: Target;
  side: SideUploads;
  pictures?: Pictures;
  onTrouble: (message: string) => void;
}

/** The journal, read from its beginning for what the run lacks of it: rows wait to be taken, all else is owed beside them. */
export class JournalPass {
  readonly #options: JournalPassOptions;
  readonly #tail: JournalTail;
  readonly #maker: RowMaker;
  readonly #summary: Summary;
  readonly end = new JournalEnd();
  /** Journal seq of the last record. */
  last = -1;
  #waiting: PendingRow[] = [];
  #bytes = 0;

  constructor(options: JournalPassOptions) {
    const {folder, info, base, target} = options;
    this.#options = options;
    this.#tail = new JournalTail(folder);
    this.#maker = new RowMaker({...options, base});
    this.#summary = new Summary(info.layers, target.before);
  }

  /** The row behind the last one so far. */
  get rows(): number {
    return this.#maker.next;
  }

  get summary(): Record<string, unknown> {
    return this.#summary.values;
  }

  /** Rows that the run lacks, for as long as nobody takes them. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether they are enough for a request. */
  get isFull(): boolean {
    return this.#bytes >= requestBytes || this.#waiting.length >= requestRows;
  }

  take(): PendingRow[] {
    const rows = this.#waiting;
    [this.#waiting, this.#bytes] = [[], 0];
    return rows;
  }

  /** Reads one record; false where the journal has no further one yet. */
  async read({final}: {final: boolean}): Promise<boolean> {
    const {target, side} = this.#options;
    const record = this.#tail.next({final});
    if (record === null) return false;
    for (const {values, files} of await this.#maker.rows(record, {draw: !target.holds(this.rows)})) {
      this.#summary.add(values);
      if (target.holds(values._step as number)) continue;
      side.keep(files);
      const text = JSON.stringify(values);
      const bytes = quotedBytes(text);
      this.#waiting.push({values, text, bytes});
      this.#bytes += bytes;
    }
    this.end.see(record);
    side.see(record);
    this.last = record.seq;
    return true;
  }
}
