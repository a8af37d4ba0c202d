import {existsSync, mkdirSync, openSync, closeSync, readSync, statSync} from 'node:fs';
import {hostname} from 'node:os';
import {join} from 'node:path';
import {replaceFile} from '../disk/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import type {Reading, RunEvent, RunInfo, RunState} from '../types.js';
import {openAppendLog, type AppendLog, type AppendLogOptions} from './append-log.js';
import {endOnExit} from './end-on-exit.js';
import {parseLine, type RecordKind} from './journal-lines.js';
import {plain} from './plain.js';
import {otherWriter, readRun, readRunInfo, runFiles, type RecordedRun} from './read-run.js';

/** The record of a run on disk; takes what every tracker takes, before all of them. */
export interface Journal {
  readonly name: string;
  readonly folder: string;
  start(run: RunInfo, options: {resumed: boolean}): Promise<void>;
  event(event: RunEvent): void;
  reading(reading: Reading): void;
  finish(state: Exclude<RunState, 'running'>): void;
  /** The `seq` of the next record. */
  next(): number;
  /** What is on disk now. */
  readBack(): Promise<RecordedRun>;
}

export interface JournalOptions extends Pick<AppendLogOptions, 'fs' | 'bound'> {
  /** Told when the disk refuses records and when it takes them again; standard error by default. */
  onNotice?: (notice: Extract<RunEvent, {type: 'notice'}>) => void;
  /** Unix milliseconds; Date.now by default. */
  now?: () => number;
}

async function writeWhole(path: string, value: unknown): Promise<void> {
  await replaceFile(path, `${JSON.stringify(plain(value), null, 2)}\n`);
}

function unwritable(folder: string, cause: unknown): InvarianceError {
  return new InvarianceError(
    'io_failed',
    `cannot write ${folder}: ${messageOf(cause)}; name a writable folder`,
    {cause},
  );
}

/** Read from the end of a log to find its last good line: one reading of many layers, and some. */
const tailBytes = 1024 * 1024;

/** The seq behind the last good line of a log. */
function nextSeq(path: string, kind: RecordKind): number {
  if (!existsSync(path)) return 0;
  const {size} = statSync(path);
  for (
    let length = Math.min(size, tailBytes);
    length > 0;
    length = length < size ? Math.min(size, length * 4) : 0
  ) {
    const lines = lastBytes(path, length, size).split('\n');
    // The first is the rest of a line unless the file begins there.
    for (let i = lines.length - 2; i >= (length < size ? 1 : 0); i--) {
      const parsed = parseLine(kind, lines[i]!);
      if (parsed.status === 'read') return parsed.seq + 1;
    }
  }
  return 0;
}

function lastBytes(path: string, length: number, size: number): string {
  const bytes = Buffer.alloc(length);
  const fd = openSync(path, 'r');
  try {
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, length, size - length));
  } finally {
    closeSync(fd);
  }
}

/**
 * The journal in a run folder, `invariance/<run-id>/`: `run.json`, `readings.jsonl`, `events.jsonl`, `media/`.
 * Append-only. A reading and every event but `logged` is on the disk when its call returns; `logged` lines are with
 * the operating system, which outlives the process, and cost a few microseconds. A line torn by a kill is cut off
 * when the run is resumed.
 *
 * A process that ends without `finish` (a signal, an exit, an uncaught error) still gets its end on record, with a notice
 * where all looked well; only SIGKILL does not, nor an uncaught error that some library catches and throws again, as
 * TensorFlow.js's wasm backend does. The listeners for that are there from `start` to `finish`.
 *
 * `start` throws `io_failed` where the folder cannot be written and `bad_record` where it holds another run;
 * after that nothing throws: records the disk refuses wait in memory, up to `bound` bytes for each of the two logs.
 */
export function openJournal(folder: string, options: JournalOptions = {}): Journal {
  const {
    fs,
    bound,
    now = Date.now,
    onNotice = ({message}) => process.stderr.write(`wandb-invariance: ${message}\n`),
  } = options;
  let logs: Record<RecordKind, AppendLog> | undefined;
  let seq = 0;
  /** The end of the run is on record. */
  let ended = false;
  let stopWatching = (): void => {};

  const open = (kind: RecordKind): AppendLog =>
    openAppendLog(join(folder, runFiles[kind]), {
      fs,
      bound,
      onTrouble: ({kind: trouble, message}) =>
        onNotice({
          type: 'notice',
          time: now(),
          level: trouble === 'recovered' ? 'info' : trouble === 'failing' ? 'warning' : 'error',
          code: `journal_${trouble}`,
          message,
        }),
    });

  function append(kind: RecordKind, record: Reading | RunEvent, durable: boolean): void {
    if (logs === undefined)
      throw new InvarianceError('bad_option', 'the journal takes records between start and finish');
    // A record that is lost takes no seq: readers wait for those that are missing.
    if (logs[kind].append(JSON.stringify({seq, ...(plain(record) as object)}), {durable})) seq++;
  }

  function finish(state: Exclude<RunState, 'running'>): void {
    if (logs === undefined) return;
    stopWatching();
    if (!ended) append('event', {type: 'ended', time: now(), state}, true);
    logs.reading.close();
    logs.event.close();
    logs = undefined;
  }

  /** The process ends, and nobody has called `finish`. */
  function endUnfinished(state: Exclude<RunState, 'running'>): void {
    const message =
      'the process ended without finish(): the last reading, and what was still being measured, are missing';
    if (state === 'finished' && !ended)
      append('event', {type: 'notice', time: now(), level: 'warning', code: 'not_finished', message}, true);
    finish(state);
  }

  return {
    name: 'journal',
    folder,
    next: () => seq,
    readBack: () => readRun(folder),

    async start(run, {resumed}) {
      const info = join(folder, runFiles.info);
      try {
        mkdirSync(join(folder, runFiles.media), {recursive: true});
      } catch (cause) {
        throw unwritable(folder, cause);
      }
      if (existsSync(info)) {
        const {id} = await readRunInfo(folder);
        if (id !== run.id) {
          throw new InvarianceError(
            'bad_record',
            `${folder} holds run ${id}, not ${run.id}; name another folder`,
          );
        }
      }
      const writer = existsSync(info) ? await otherWriter(folder) : null;
      if (writer !== null) {
        throw new InvarianceError(
          'bad_record',
          `${folder} is being written by process ${writer}; end that one first, or name another run`,
        );
      }
      const next = Math.max(
        ...(['reading', 'event'] as const).map(kind => nextSeq(join(folder, runFiles[kind]), kind)),
      );
      if (next > 0 && !resumed) {
        throw new InvarianceError(
          'bad_record',
          `${folder} already holds records of run ${run.id}; resume it or name another id`,
        );
      }
      try {
        if (!existsSync(info)) await writeWhole(info, run);
        await writeWhole(join(folder, runFiles.writer), {pid: process.pid, host: hostname(), from: next});
      } catch (cause) {
        throw unwritable(folder, cause);
      }
      logs = {reading: open('reading'), event: open('event')};
      seq = next;
      ended = false;
      stopWatching = endOnExit(endUnfinished);
    },
    event(event) {
      append('event', event, event.type !== 'logged');
      ended ||= event.type === 'ended';
    },
    reading(reading) {
      append('reading', reading, true);
    },
    finish,
  };
}
