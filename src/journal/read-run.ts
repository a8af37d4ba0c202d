import {readFile, readdir} from 'node:fs/promises';
import {hostname} from 'node:os';
import {join} from 'node:path';
import {isAlive} from '../disk/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import type {Baseline, Reading, RunEvent, RunInfo, RunState} from '../types.js';
import {parseLine, type JournalRecord, type RecordKind} from './journal-lines.js';

/** Names of the files in a run folder. */
export const runFiles = {
  info: 'run.json',
  reading: 'readings.jsonl',
  event: 'events.jsonl',
  writer: 'writer.json',
  media: 'media',
} as const;

/** A run as its folder holds it. */
export interface RecordedRun {
  /** Path of the run folder. */
  folder: string;
  /** What the run was made with. */
  info: RunInfo;
  /** Null until the first measurement of the pretrained model is on record. */
  baseline: Baseline | null;
  /**
   * By step; of two at one step the later one stands. After a resume from step s, what the crashed process had read and logged past s is
   * superseded and not in here: training went on from s, not from there.
   */
  readings: Reading[];
  /** In the order they were written. */
  events: RunEvent[];
  /** 'running' with a process that is gone is 'crashed'. */
  state: RunState;
  /** Lines that could not be read, for people: "events.jsonl line 7 is not JSON". */
  problems: string[];
}

/** What `listRuns` says of a run without keeping its records. */
export interface RunSummary {
  folder: string;
  info: RunInfo;
  state: RunState;
  readings: number;
  last: Reading | null;
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new InvarianceError('io_failed', `cannot read ${path}: ${messageOf(cause)}`, {cause});
  }
}

/** `run.json` of a run folder. @throws InvarianceError `bad_record` where there is none or it cannot be read. */
export async function readRunInfo(folder: string): Promise<RunInfo> {
  const path = join(folder, runFiles.info);
  const text = await textOf(path);
  if (text === null) {
    throw new InvarianceError('bad_record', `${folder} is no run folder: it has no ${runFiles.info}`);
  }
  let info: RunInfo;
  try {
    info = JSON.parse(text) as RunInfo;
  } catch (cause) {
    throw new InvarianceError('bad_record', `${path} is not JSON: ${messageOf(cause)}`, {cause});
  }
  if (info?.format !== 1) {
    throw new InvarianceError(
      'bad_record',
      `${path} has format ${String(info?.format)}; this version reads format 1`,
    );
  }
  return info;
}

async function readLines(
  folder: string,
  kind: RecordKind,
): Promise<{records: JournalRecord[]; problems: string[]}> {
  const lines = ((await textOf(join(folder, runFiles[kind]))) ?? '').split('\n');
  // Behind the last line feed stands nothing, or the part of a line that a killed process left.
  const torn = lines.pop()!;
  const records: JournalRecord[] = [];
  const problems: string[] = [];
  lines.forEach((line, i) => {
    const parsed = parseLine(kind, line);
    if (parsed.status === 'read') records.push(parsed);
    else problems.push(`${runFiles[kind]} line ${i + 1} ${parsed.problem}`);
  });
  if (torn !== '') problems.push(`${runFiles[kind]} ends in a torn line`);
  return {records, problems};
}

/** All records of a run folder in the order they were written; bad lines are skipped and named. */
export async function readRecords(folder: string): Promise<{records: JournalRecord[]; problems: string[]}> {
  const readings = await readLines(folder, 'reading');
  const events = await readLines(folder, 'event');
  return {
    records: [...readings.records, ...events.records].sort((a, b) => a.seq - b.seq),
    problems: [...readings.problems, ...events.problems],
  };
}

/** The process that writes a run or wrote it last. */
export interface Writer {
  pid: number;
  lives: boolean;
  /** `seq` of its first record: an end before that is the end of another process. */
  from: number;
}

/** 'elsewhere' where the writer is on another machine, or not known. */
export async function writerOf(folder: string): Promise<Writer | 'elsewhere'> {
  const text = await textOf(join(folder, runFiles.writer));
  try {
    const {pid, host, from = 0} = JSON.parse(text ?? 'null') as {pid: number; host: string; from?: number};
    return host === hostname() ? {pid, lives: isAlive(pid), from} : 'elsewhere';
  } catch {
    return 'elsewhere';
  }
}

/** A run without an end is running as long as the process that writes it lives; one elsewhere counts as living. */
async function isWriterGone(folder: string): Promise<boolean> {
  const writer = await writerOf(folder);
  return writer !== 'elsewhere' && !writer.lives;
}

/** The other process of this machine that is writing the run just now; null where there is none. */
export async function otherWriter(folder: string): Promise<number | null> {
  const writer = await writerOf(folder);
  if (writer === 'elsewhere' || !writer.lives || writer.pid === process.pid) return null;
  return (await readRun(folder)).state === 'running' ? writer.pid : null;
}

/**
 * Reads a run folder. A torn last line is left out, a bad line in the middle is skipped, and both are named in
 * `problems`; nothing is written.
 *
 * @param folder path of the run folder, `invariance/<run>`.
 * @throws InvarianceError `bad_record` where `run.json` is missing or unreadable, `io_failed` where the disk fails.
 * @example
 * import {readRun} from 'wandb-invariance';
 *
 * const {info, readings} = await readRun('invariance/20260311-142530-3f9a');
 * for (const {step, meanScore} of readings) console.log(info.name, step, meanScore);
 */
export async function readRun(folder: string): Promise<RecordedRun> {
  const info = await readRunInfo(folder);
  const {records, problems} = await readRecords(folder);
  const run: RecordedRun = {
    folder,
    info,
    baseline: null,
    readings: [],
    events: [],
    state: 'running',
    problems,
  };
  for (const record of records) {
    if (record.kind === 'reading') {
      run.readings.push(record.reading);
      continue;
    }
    const {event} = record;
    run.events.push(event);
    if (event.type === 'baseline') run.baseline = event.baseline;
    if (event.type === 'ended') run.state = event.state;
    if (event.type === 'resumed') {
      run.state = 'running';
      run.readings = run.readings.filter(({step}) => step <= event.step);
      run.events = run.events.filter(past => past.type !== 'logged' || past.step <= event.step);
    }
  }
  run.readings = [...new Map(run.readings.map(reading => [reading.step, reading])).values()];
  run.readings.sort((a, b) => a.step - b.step);
  if (run.state === 'running' && (await isWriterGone(folder))) run.state = 'crashed';
  return run;
}

/** The runs under a folder such as `invariance/`, newest first; folders that are no runs are left out. */
export async function listRuns(folder: string): Promise<RunSummary[]> {
  const entries = await readdir(folder, {withFileTypes: true}).catch(() => []);
  const runs: RunSummary[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    try {
      const run = await readRun(join(folder, entry.name));
      const {info, state, readings} = run;
      runs.push({folder: run.folder, info, state, readings: readings.length, last: readings.at(-1) ?? null});
    } catch (error) {
      if (!(error instanceof InvarianceError && error.code === 'bad_record')) throw error;
    }
  }
  return runs.sort((a, b) => b.info.created - a.info.created);
}
