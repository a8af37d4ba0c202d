import {closeSync, openSync, readSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {parseLine, type JournalRecord, type RecordKind} from '../../../journal/index.js';
import type {RunState} from '../../../types.js';
import {runFiles, writerOf} from '../../../journal/index.js';

/** Read from each file at a time; a longer line is read whole. */
const chunkBytes = 256 * 1024;

/** Follows one journal file, whole lines only: half a line may still be cut off and written anew. */
class LineReader {
  readonly #path: string;
  readonly #kind: RecordKind;
  readonly #queue: JournalRecord[] = [];
  #offset = 0;
  /** Bad lines seen, each of which accounts for one missing seq. */
  bad = 0;

  constructor(folder: string, kind: RecordKind) {
    this.#path = join(folder, runFiles[kind]);
    this.#kind = kind;
  }

  get head(): JournalRecord | undefined {
    return this.#queue[0];
  }

  shift(): JournalRecord {
    return this.#queue.shift()!;
  }

  /** Reads on where nothing waits. */
  fill(): void {
    if (this.#queue.length > 0) return;
    // Looked at first: of two files one may have nothing new for a hundred thousand records of the other.
    const rest = (statSync(this.#path, {throwIfNoEntry: false})?.size ?? 0) - this.#offset;
    if (rest <= 0) return;
    const fd = openSync(this.#path, 'r');
    try {
      for (let length = Math.min(rest, chunkBytes); length > 0; length = Math.min(rest, length * 2)) {
        const chunk = Buffer.alloc(length);
        const read = readSync(fd, chunk, 0, length, this.#offset);
        const end = chunk.subarray(0, read).lastIndexOf(0x0a);
        if (end < 0 && length < rest) continue;
        if (end < 0) return;
        this.#offset += end + 1;
        for (const line of chunk.toString('utf8', 0, end).split('\n')) {
          const parsed = parseLine(this.#kind, line);
          if (parsed.status === 'read') this.#queue.push(parsed);
          else this.bad++;
        }
        return;
      }
    } finally {
      closeSync(fd);
    }
  }
}

/**
 * Follows a journal while it grows, its two files merged by seq. A record is given out once all before it are there;
 * one that is missing is waited for unless a bad line accounts for it or the journal will not grow any more.
 * Memory: a chunk of each file.
 */
export class JournalTail {
  readonly #readings: LineReader;
  readonly #events: LineReader;
  #expected = 0;

  constructor(folder: string) {
    this.#readings = new LineReader(folder, 'reading');
    this.#events = new LineReader(folder, 'event');
  }

  /** The next record, or null where there is none yet. */
  next({final}: {final: boolean}): JournalRecord | null {
    this.#events.fill();
    this.#readings.fill();
    const [a, b] = [this.#events.head, this.#readings.head];
    const reader = b === undefined || (a !== undefined && a.seq < b.seq) ? this.#events : this.#readings;
    const head = reader.head;
    if (head === undefined) return null;
    const missing = head.seq - this.#expected;
    const explained =
      (a !== undefined && b !== undefined) || missing <= this.#events.bad + this.#readings.bad;
    if (missing > 0 && !final && !explained) return null;
    this.#expected = head.seq + 1;
    return reader.shift();
  }
}

/** All records of a journal that nobody writes to, one at a time. */
export function* journalRecords(folder: string): Generator<JournalRecord> {
  const tail = new JournalTail(folder);
  for (let record = tail.next({final: true}); record; record = tail.next({final: true})) yield record;
}

/** The end that a journal has, as its records tell it one after the other. */
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
}

/** How the run of a journal stands, without keeping the journal in memory. */
export async function journalState(folder: string): Promise<RunState> {
  const end = new JournalEnd();
  for (const record of journalRecords(folder)) end.see(record);
  const writer = await writerOf(folder);
  if (writer === 'elsewhere') return end.since(0) ?? 'running';
  // A process that resumes the run writes so a moment after it has opened the journal.
  return end.since(writer.lives ? writer.from : 0) ?? (writer.lives ? 'running' : 'crashed');
}
