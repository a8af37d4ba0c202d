import {existsSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {basename, join, resolve} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {TrainerState} from '../models/index.js';
import {InvarianceError} from '../errors.js';
import {openJournal, otherWriter, runFiles, type RecordedRun} from '../journal/index.js';
import {runsFolder} from '../runs-folder.js';
import type {Baseline, Reading, RunEvent, RunInfo} from '../types.js';
import {describeRun} from '../journal/index.js';
import {createDispatcher} from '../tracker/index.js';
import {findRun} from './find-run.js';
import {departure, logOf} from './history.js';
import {openMeasuredCheckpoints, type MeasuredCheckpoints} from './measured-checkpoints.js';
import {WATCH_DEFAULTS, type WatchOptions} from './options.js';

/** Milliseconds the trackers get to deliver at the end; the journal holds everything anyway. */
const PATIENCE = 60_000;

/** The run of a watched folder, open to be written. */
export interface WatchRecord {
  folder: string;
  info: RunInfo;
  /** Takes checkpoints while they wait; empty at first. */
  held: string;
  /** Steps that have a reading, that of the pretrained model among them. */
  steps: ReadonlySet<number>;
  /** Which checkpoints are done. */
  checkpoints: MeasuredCheckpoints;
  hasBaseline: boolean;
  /** Whether a reading of the run reports its convergence; one is enough. */
  hasConvergence(): boolean;
  baseline(baseline: Baseline): void;
  reading(reading: Reading): void;
  notice(level: 'info' | 'warning', code: string, message: string): void;
  /**
   * Records what the training logged and is not on record. Where a newer training contradicts the record, what that
   * holds from there on is superseded.
   * @param mtime of the checkpoint, Unix milliseconds
   */
  log(state: TrainerState, mtime: number): void;
  finish(state: 'finished' | 'crashed' | 'killed'): Promise<void>;
}

/**
 * Opens the run that belongs to the folder. While another watch writes it, that one's end is waited for.
 * @throws InvarianceError `fingerprint_mismatch` where the run was measured otherwise, `bad_record` where the wait was
 *   interrupted, `io_failed`
 */
export async function openRecord(options: WatchOptions): Promise<WatchRecord> {
  const {folder, measurer, pretrained, dir = runsFolder(), trackers = []} = options;
  const measured = await measurer.info();
  const fingerprint = measured.fingerprint.id;
  const id = options.run ?? (await findRun({folder, dir, fingerprint}));
  const journal = openJournal(join(dir, id));
  await untilFree(journal.folder, options);

  const before = existsSync(join(journal.folder, runFiles.info)) ? await journal.readBack() : null;
  if (before !== null && before.info.fingerprint.id !== fingerprint)
    throw new InvarianceError(
      'fingerprint_mismatch',
      `${journal.folder} holds a run that was measured otherwise; give this one another name with --run`,
    );
  const info = await describeRun({
    ...measured,
    id,
    name: options.name ?? (basename(resolve(folder)) || 'run'),
    config: {...options.config, watched: resolve(folder), pretrained: resolve(pretrained)},
  });
  const dispatcher = createDispatcher({
    journal,
    trackers,

    patience: PATIENCE,
    now: Date.now,
  });
  const checkpoints = await openMeasuredCheckpoints({
    run: journal.folder,
    folder,
    onTrouble: message =>
      record.notice(
        'warning',
        'memory_failed',
        `${message}; the next watch measures again what this one did`,
      ),
  });
  await dispatcher.start(info, {resumed: before !== null});
  const held = join(journal.folder, 'held');
  // Of a watch that was killed.
  await rm(held, {recursive: true, force: true}).catch(() => {});

  const emit = (event: Untimed): void => dispatcher.event({...event, time: Date.now()});
  let {steps, logged, convergence, newest} = known(before);
  if (before !== null) emit({type: 'resumed', step: Math.max(0, ...steps, ...logged.keys())});

  function supersede(after: number): void {
    emit({type: 'resumed', step: after});
    steps = new Set([...steps].filter(step => step <= after));
    logged = new Map([...logged].filter(([step]) => step <= after));
    convergence = new Set([...convergence].filter(step => step <= after));
  }

  const record: WatchRecord = {
    folder: journal.folder,
    info,
    held,
    checkpoints,
    get steps() {
      return steps;
    },
    hasBaseline: before?.baseline != null,
    hasConvergence: () => convergence.size > 0,
    baseline: baseline => emit({type: 'baseline', baseline}),
    reading(reading) {
      dispatcher.reading(reading);
      steps.add(reading.step);
      if (reading.convergence !== undefined) convergence.add(reading.step);
      if (reading.step > 0) newest = Math.max(newest, reading.time);
    },
    notice: (level, code, message) => emit({type: 'notice', level, code, message}),
    log({history}, mtime) {
      const from = departure(logged, history);
      if (from !== null) {
        if (mtime < newest) return;
        record.notice(
          'info',
          'trained_again',
          `another training writes into ${folder}: what is on record from step ${from} on is superseded`,
        );
        supersede(Math.max(0, from - 1));
      }
      const last = Math.max(-1, ...logged.keys());
      const rows = history.filter(({step}) => step > last);
      for (const row of rows) emit({type: 'logged', ...row});
      logged = new Map([...logged, ...logOf(rows)]);
    },
    finish: state => dispatcher.finish(state),
  };
  return record;
}

type Untimed<Event = RunEvent> = Event extends RunEvent ? Omit<Event, 'time'> : never;

/** Returns when no other process writes the run. */
async function untilFree(
  folder: string,
  {signal, poll = WATCH_DEFAULTS.poll, say = () => {}}: WatchOptions,
): Promise<void> {
  for (let said = false; existsSync(join(folder, runFiles.info)); said = true) {
    const writer = await otherWriter(folder);
    if (writer === null) return;
    if (signal?.aborted)
      throw new InvarianceError(
        'bad_record',
        `interrupted while waiting: ${folder} is being written by process ${writer}`,
      );
    if (!said) say(`${folder} is being written by process ${writer}: this watch begins when that one ends`);
    await sleep(poll * 1000, undefined, {signal}).catch(() => {});
  }
}

function known(run: RecordedRun | null) {
  const readings = run?.readings ?? [];
  const rows = (run?.events ?? []).flatMap(event => (event.type === 'logged' ? [event] : []));
  return {
    steps: new Set(readings.map(({step}) => step)),
    logged: logOf(rows),
    convergence: new Set(readings.flatMap(({step, convergence}) => (convergence ? [step] : []))),
    /** When the newest checkpoint of all measured ones was written. */
    newest: readings.reduce((newest, {step, time}) => (step > 0 ? Math.max(newest, time) : newest), 0),
  };
}
