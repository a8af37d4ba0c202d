import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {
  parseLine,
  parseLineOfFormat1,
  type JournalRecord,
  type ParsedLine,
  type RecordKind,
} from './journal-record.js';
import {LeftOut} from './left-out.js';
import {LineReader, type Line, type LineReaderOptions} from './line-reader.js';
import {filesOfFormat1, runFiles} from './run-files.js';

/** The records of one file, in the order of their lines. */
class RecordReader {
  readonly #lines: LineReader;
  readonly #parse: (line: Line) => ParsedLine;
  readonly #leftOut: LeftOut;
  /** The last line that was a record: it may stand there twice. */
  #last: string | null = null;
  /** The last record's number. */
  #seq = -1;
  #head: JournalRecord | null = null;
  /** Lines left out, each of which accounts for one missing number. */
  bad = 0;

  constructor(lines: LineReader, leftOut: LeftOut, parse: (line: Line) => ParsedLine) {
    this.#lines = lines;
    this.#leftOut = leftOut;
    this.#parse = parse;
  }

  get name(): string {
    return this.#lines.name;
  }

  get isTorn(): boolean {
    return this.#lines.isTorn;
  }

  /** The next record, which stays the next one until it is taken; null where there is none yet. */
  peek(): JournalRecord | null {
    while (this.#head === null) {
      const line = this.#lines.next();
      if (line === null) return null;
      const parsed: ParsedLine =
        line.text !== null && line.text === this.#last
          ? {status: 'bad', problem: 'is the line before it once more'}
          : this.#parse(line);
      if (parsed.status === 'read' && parsed.seq > this.#seq) {
        this.#last = line.text;
        this.#seq = parsed.seq;
        this.#head = parsed;
        break;
      }
      this.bad++;
      const problem =
        parsed.status === 'bad' ? parsed.problem : `has seq ${parsed.seq}, which is there already`;
      this.#leftOut.add(`${this.name} line ${line.number + 1} ${problem}`);
    }
    return this.#head;
  }

  take(): JournalRecord {
    const head = this.#head!;
    this.#head = null;
    return head;
  }
}

/**
 * Follows a journal while it grows, from its first record on. Lines that cannot be read, and those that come twice, are
 * left out. Memory: a chunk of the file and a record.
 */
export class JournalTail {
  readonly #readers: readonly RecordReader[];
  readonly #leftOut = new LeftOut();
  #expected = 0;

  constructor(folder: string, options: LineReaderOptions = {}) {
    const open = (name: string): LineReader => new LineReader(join(folder, name), options);
    const ofFormat1 = (kind: RecordKind): RecordReader =>
      new RecordReader(open(filesOfFormat1[kind]), this.#leftOut, line => parseLineOfFormat1(kind, line));
    this.#readers = isOfFormat1(folder)
      ? [ofFormat1('event'), ofFormat1('reading')]
      : [new RecordReader(open(runFiles.journal), this.#leftOut, parseLine)];
  }

  /** What was left out so far, for people. */
  get problems(): string[] {
    return this.#leftOut.problems;
  }

  /** The same, of a journal that was read to its end and that nobody writes to. */
  get problemsAtEnd(): string[] {
    const torn = this.#readers.filter(({isTorn}) => isTorn).map(({name}) => `${name} ends in a torn line`);
    return [...this.problems, ...torn];
  }

  /**
   * The next record, or null where there is none yet.
   * @param options.final whether the journal will not grow any more: of format 1's two files, a record that is missing
   *   from one is else waited for, unless a bad line accounts for it
   */
  next({final}: {final: boolean}): JournalRecord | null {
    const heads = this.#readers.map(reader => ({reader, seq: reader.peek()?.seq ?? Infinity}));
    const {reader, seq} = heads.reduce((first, next) => (next.seq < first.seq ? next : first));
    if (seq === Infinity) return null;
    const missing = seq - this.#expected;
    const bad = this.#readers.reduce((sum, {bad}) => sum + bad, 0);
    const isExplained = heads.every(({seq}) => seq < Infinity) || missing <= bad;
    if (missing > 0 && !final && !isExplained) return null;
    this.#expected = seq + 1;
    return reader.take();
  }
}

/** Whether a run's journal is in the two files of format 1. */
export function isOfFormat1(folder: string): boolean {
  const has = (name: string): boolean => existsSync(join(folder, name));
  return !has(runFiles.journal) && Object.values(filesOfFormat1).some(has);
}

/** All records of a journal that nobody writes to, one at a time. */
export function* journalRecords(
  folder: string,
  {tail = new JournalTail(folder)}: {tail?: JournalTail} = {},
): Generator<JournalRecord> {
  for (let record = tail.next({final: true}); record; record = tail.next({final: true})) yield record;
}
