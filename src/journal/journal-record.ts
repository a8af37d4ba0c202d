import type {Reading, RunEvent} from '../types.js';
import type {Line} from './line-reader.js';
import {plain} from './plain.js';
import {check, schemas} from './record-schema.js';

export type RecordKind = 'reading' | 'event';

/** One record of the journal; `seq` is the number of its line, from 0, bad lines counted. */
export type JournalRecord = {seq: number} & (
  {kind: 'reading'; reading: Reading} | {kind: 'event'; event: RunEvent}
);

/** A record as it comes, before it has a number. */
export type NewRecord = {kind: 'reading'; reading: Reading} | {kind: 'event'; event: RunEvent};

/** A line that is no record, with what is wrong with it. */
export interface BadLine {
  status: 'bad';
  problem: string;
}

export type ParsedLine = ({status: 'read'} & JournalRecord) | BadLine;

/** A record's line, without its line feed: an event as it is, a reading with `type: 'reading'`. */
export function lineOf(record: NewRecord): string {
  return JSON.stringify(plain(record.kind === 'event' ? record.event : {type: 'reading', ...record.reading}));
}

function objectIn({text}: Line): {status: 'read'; value: Record<string, unknown>} | BadLine {
  if (text === null) return {status: 'bad', problem: 'is too long'};
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return {status: 'read', value: value as Record<string, unknown>};
  } catch {
    return {status: 'bad', problem: 'is not JSON'};
  }
  return {status: 'bad', problem: 'is no record'};
}

function recordOf(kind: RecordKind, seq: number, value: Record<string, unknown>): ParsedLine {
  if (kind === 'reading') {
    const checked = check(schemas.reading, value);
    return checked.status === 'sound'
      ? {status: 'read', seq, kind, reading: checked.value}
      : {status: 'bad', problem: `is no reading: ${checked.problem}`};
  }
  const checked = check(schemas.event, value);
  return checked.status === 'sound'
    ? {status: 'read', seq, kind, event: checked.value}
    : {status: 'bad', problem: `is no event: ${checked.problem}`};
}

/** Reads a line of `journal.jsonl`. */
export function parseLine(line: Line): ParsedLine {
  const parsed = objectIn(line);
  if (parsed.status === 'bad') return parsed;
  return recordOf(parsed.value.type === 'reading' ? 'reading' : 'event', line.number, parsed.value);
}

/** Reads a line of format 1's `readings.jsonl` or `events.jsonl`, which holds its number itself. */
export function parseLineOfFormat1(kind: RecordKind, line: Line): ParsedLine {
  const parsed = objectIn(line);
  if (parsed.status === 'bad') return parsed;
  const {seq} = parsed.value;
  if (!Number.isSafeInteger(seq) || (seq as number) < 0) return {status: 'bad', problem: 'has no seq'};
  return recordOf(kind, seq as number, parsed.value);
}
