import {existsSync, mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {replaceFile} from '../disk/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import type {Reading, RunEvent, RunInfo, RunState} from '../types.js';
import {openAppendLog, type AppendLog, type AppendLogOptions} from './append-log.js';
import {convertFormat1} from './convert-format-1.js';
import {endOnExit} from './end-on-exit.js';
import {lineOf, type NewRecord} from './journal-record.js';
import {journalRecords} from './journal-tail.js';
import {plain} from './plain.js';
import {readRun, type RecordedRun} from './read-run.js';
import {runFiles} from './run-files.js';
import {readRunInfo} from './run-info.js';
import {otherWriter} from './run-state.js';
import {nameWriter} from './writer.js';

/** The record of a run on disk; takes what every tracker takes, before all of them. */
export interface Journal {
  readonly name: string;
  readonly folder: string;
  start(run: RunInfo, options: {resumed: boolean}): Promise<void>;
  event(event: RunEvent): void;
  reading(reading: Reading): void;
  finish(state: Exclude<RunState, 'running'>): void;
  /** The number of the next record: that of its line, from 0. */
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

function unwritable(folder: string, cause: unknown): InvarianceError {
  if (cause instanceof InvarianceError) return cause;
  return new InvarianceError(
    'io_failed',
    `cannot write ${folder}: ${messageOf(cause)}; name a writable folder`,
    {cause},
  );
}

/**
 * The journal in a run folder, `invariance/<run-id>/`: `run.json`, `journal.jsonl`, `media/`.
 * Append-only, one record a line. A reading and every event but `logged` is on the disk when its call returns; `logged` lines are with
 * the operating system, which outlives the process, and cost a few microseconds. A line torn by a kill is cut off
 * when the run is resumed; the journal of a run of format 1 is brought to format 2 then.
 *
 * A process that ends without `finish` (a signal, an exit, an uncaught error) still gets its end on record, with a notice
 * where all looked well; only SIGKILL does not, nor an uncaught error that some library catches and throws again, as
 * TensorFlow.js's wasm backend does. The listeners for that are there from `start` to `finish`.
 *
 * `start` throws `io_failed` where the folder cannot be written and `bad_record` where it holds another run;
 * after that nothing throws: records the disk refuses wait in memory, up to `bound` bytes.
 */
export function openJournal(folder: string, options: JournalOptions = {}): Journal {
  const {
    fs,
    bound,
    now = Date.now,
    onNotice = ({message}) => process.stderr.write(`wandb-invariance: ${message}\n`),
  } = options;
  let log: AppendLog | undefined;
  let seq = 0;
  /** The end of the run is on record. */
  let ended = false;
  let stopWatching = (): void => {};

  const open = (): AppendLog =>
    openAppendLog(join(folder, runFiles.journal), {
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

  function append(record: NewRecord, {durable = true}: {durable?: boolean} = {}): void {
    if (log === undefined)
      throw new InvarianceError('bad_option', 'the journal takes records between start and finish');
    // A record that is lost is no line, and takes no number.
    if (log.append(lineOf(record), {durable})) seq++;
  }

  function finish(state: Exclude<RunState, 'running'>): void {
    if (log === undefined) return;
    stopWatching();
    if (!ended) append({kind: 'event', event: {type: 'ended', time: now(), state}});
    log.close();
    log = undefined;
  }

  /** The process ends, and nobody has called `finish`. */
  function endUnfinished(state: Exclude<RunState, 'running'>): void {
    const message =
      'the process ended without finish(): the last reading, and what was still being measured, are missing; await it after the training';
    if (state === 'finished' && !ended) {
      append({
        kind: 'event',
        event: {type: 'notice', time: now(), level: 'warning', code: 'not_finished', message},
      });
      process.stderr.write(`wandb-invariance: ${message}\n`);
    }
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
      if (!resumed && !journalRecords(folder).next().done) {
        throw new InvarianceError(
          'bad_record',
          `${folder} already holds records of run ${run.id}; resume it or name another id`,
        );
      }
      try {
        if (existsSync(info)) await convertFormat1(folder);
        else await replaceFile(info, `${JSON.stringify(plain({...run, format: 2}), null, 2)}\n`);
        log = open();
        seq = log.lines;
        await nameWriter(folder, {from: seq});
      } catch (cause) {
        log?.close();
        log = undefined;
        throw unwritable(folder, cause);
      }
      ended = false;
      stopWatching = endOnExit(endUnfinished);
    },
    event(event) {
      append({kind: 'event', event}, {durable: event.type !== 'logged'});
      ended ||= event.type === 'ended';
    },
    reading(reading) {
      append({kind: 'reading', reading});
    },
    finish,
  };
}
