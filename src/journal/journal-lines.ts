import type {Reading, RunEvent} from '../types.js';
import {numbers} from './plain.js';

/**
 * One line of the journal. `seq` counts readings and events together from 0, so the two files have one order:
 * what is uploaded later is uploaded in it.
 */
export type JournalRecord = {seq: number} & (
  {kind: 'reading'; reading: Reading} | {kind: 'event'; event: RunEvent}
);

export type RecordKind = JournalRecord['kind'];

/** A line that is no record, with what is wrong with it. */
export interface BadLine {
  status: 'bad';
  problem: string;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads one line (without its line feed) of `readings.jsonl` or `events.jsonl`. */
export function parseLine(kind: RecordKind, line: string): ({status: 'read'} & JournalRecord) | BadLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return {status: 'bad', problem: 'is not JSON'};
  }
  if (!isObject(value) || typeof value.seq !== 'number') return {status: 'bad', problem: 'has no seq'};
  const {seq, ...record} = value;
  if (kind === 'reading') {
    if (typeof record.step !== 'number' || !Array.isArray(record.scores)) {
      return {status: 'bad', problem: 'is no reading'};
    }
    const reading = record as unknown as Reading;
    return {status: 'read', seq, kind, reading: {...reading, logged: numbers(reading.logged ?? {})}};
  }
  if (typeof record.type !== 'string' || typeof record.time !== 'number') {
    return {status: 'bad', problem: 'is no event'};
  }
  const event = record as unknown as RunEvent;
  return {
    status: 'read',
    seq,
    kind,
    event: event.type === 'logged' ? {...event, values: numbers(event.values ?? {})} : event,
  };
}
