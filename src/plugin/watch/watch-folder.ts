import {existsSync} from 'node:fs';
import {rm, stat} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {loggedAt, readTrainerState, type TrainerState} from '../../engine/index.js';
import {InvarianceError, messageOf} from '../../errors.js';
import {openJournal, readRecords, readRun, runsFolder, type RecordedRun} from '../../tracker/index.js';
import type {Moment, RunInfo} from '../../types.js';
import {createDispatcher, type Dispatcher} from '../dispatcher.js';
import {describeRun} from '../describe-run.js';
import {holdCheckpoint, type Held} from './hold.js';
import {WATCH_DEFAULTS, type WatchOptions, type WatchSummary} from './options.js';
import {runOfFolder} from './run-of-folder.js';
import {createScanner, type Stepped} from './scan.js';
import {trainingEnded} from './training-ended.js';

/** A checkpoint on its way to be measured. */
interface Waiting {
  found: Stepped;
  held: Held;
}

/** What the record of the run held when this watch opened it. */
interface Known {
  /** When each step's checkpoint was written, as its reading says. */
  readings: Map<number, number>;
  lastLogged: number;
  hasBaseline: boolean;
  /** A reading of the run says how settled it is; one does for all. */
  hasConvergence: boolean;
}

/** Milliseconds a checkpoint that is still being written gets when nothing else is waited for. */
const GRACE = {final: 90_000, marker: 90_000, idle: 90_000, once: 3_000};

/** Milliseconds the trackers get to deliver at the end; the journal holds everything anyway. */
const PATIENCE = 60_000;

/**
 * Follows a training's output folder while it fills: each complete checkpoint is measured and recorded, with the loss
 * and learning rate its `trainer_state.json` tells. Checkpoints that are on record are not measured again, unless they
 * were replaced since.
 *
 * @throws InvarianceError `io_failed` where the folder is missing and is not waited for, or the run folder cannot be
 *   written; and whatever the baseline throws. A checkpoint that cannot be measured is a notice, and the next one is.
 */
export async function watchFolder(options: WatchOptions): Promise<WatchSummary> {
  const {
    folder,
    measuring,
    pretrained,
    until = WATCH_DEFAULTS.until,
    idle = WATCH_DEFAULTS.idle,
    order = WATCH_DEFAULTS.order,
    poll = WATCH_DEFAULTS.poll,
    every = 1,
    signal = new AbortController().signal,
    say = () => {},
  } = options;
  if (until === 'once' && !existsSync(folder))
    throw new InvarianceError('io_failed', `there is no folder ${folder}; name the training's output folder`);

  const {run, dispatcher, known} = await openRecord(options);
  const summary: WatchSummary = {
    run: run.info.id,
    folder: run.folder,
    measured: [],
    known: [...known.readings.keys()].sort((a, b) => a - b),
    failed: [],
    ended: '',
  };
  const waiting: Waiting[] = [];
  let arrived = (): void => {};
  let closing = false;
  const gaveUp = new AbortController();

  function finishQueue(): void {
    closing = true;
    arrived();
  }

  async function accept(found: Stepped): Promise<void> {
    if (known.readings.get(found.step) === found.mtime) return;
    waiting.push({found, held: await holdCheckpoint(found.path, join(run.folder, 'held'))});
  }

  /** Looks until something ends the watch, and says what it was. */
  async function lookOut(): Promise<string> {
    const scan = createScanner(folder);
    let lastChange = Date.now();
    const skipped = new Set<string>();
    let count = 0;
    for (;;) {
      const {fresh, unfinished, newest} = await scan();
      const ended = await trainingEnded(folder, until === 'final' ? newest?.path : undefined);
      const over =
        until === 'once' ? 'everything that was there is measured' : until === 'idle' ? null : ended;
      for (const found of fresh) {
        if (count++ % every === 0) await accept(found);
        else skipped.add(found.path);
      }
      if (over !== null && newest !== undefined && skipped.delete(newest.path)) await accept(newest);
      arrived();
      if (fresh.length > 0) lastChange = Date.now();
      if (signal.aborted || gaveUp.signal.aborted) return 'interrupted';
      const quiet = Date.now() - lastChange;
      const isIdle = idle > 0 && waiting.length === 0 && quiet > idle * 60_000;
      if (isIdle || (over !== null && (unfinished.length === 0 || quiet > GRACE[until]))) {
        for (const {path, waiting} of unfinished) fail(path, waiting ?? 'it was never completed');
        return over ?? `no new checkpoint for ${idle} minutes`;
      }
      await sleep(poll * 1000, undefined, {signal: AbortSignal.any([signal, gaveUp.signal])}).catch(() => {});
    }
  }

  async function measureAll(): Promise<void> {
    for (;;) {
      if (signal.aborted) return;
      waiting.sort((a, b) =>
        order === 'newest' ? b.found.step - a.found.step : a.found.step - b.found.step,
      );
      const next = waiting.shift();
      if (next !== undefined) {
        await measure(next).finally(() => next.held.release());
      } else if (closing) {
        return;
      } else {
        await new Promise<void>(resolve => (arrived = resolve));
      }
    }
  }

  async function measure({found, held}: Waiting): Promise<void> {
    const {step, path} = found;
    try {
      const state = await readTrainerState(held.path);
      tellLogged(state);
      const moment = momentOf(found, state);
      const reading = await measuring.read({folder: held.path, moment, convergence: !known.hasConvergence});
      if (known.readings.has(step))
        notice('info', 'replaced', `${path} was replaced; its new reading stands`);
      known.readings.set(step, found.mtime);
      known.hasConvergence ||= reading.convergence !== undefined;
      dispatcher.reading(reading);
      summary.measured.push(step);
      say(`step ${step}: measured in ${reading.cost.seconds.toFixed(1)} s`);
    } catch (error) {
      if (signal.aborted) return;
      fail(
        path,
        existsSync(held.path)
          ? messageOf(error).replaceAll(held.path, path)
          : 'it was deleted before it could be measured',
      );
    }
  }

  function tellLogged(state: TrainerState | undefined): void {
    const rows = (state?.history ?? []).filter(({step}) => step > known.lastLogged);
    for (const row of rows) dispatcher.event({type: 'logged', time: Date.now(), ...row});
    known.lastLogged = rows.at(-1)?.step ?? known.lastLogged;
  }

  function notice(level: 'info' | 'warning', code: string, message: string): void {
    dispatcher.event({type: 'notice', time: Date.now(), level, code, message});
    say(message);
  }

  function fail(path: string, reason: string): void {
    summary.failed.push({path, reason});
    notice('warning', 'checkpoint_skipped', `${path} is left out: ${reason}`);
  }

  /** The pretrained model, and itself as the reading at step 0. */
  async function measureStart(): Promise<void> {
    const baseline = await measuring.baseline();
    if (!known.hasBaseline) dispatcher.event({type: 'baseline', time: Date.now(), baseline});
    if (known.readings.has(0) || signal.aborted) return;
    const moment: Moment = {step: 0, epoch: 0, time: (await stat(pretrained)).mtimeMs, logged: {}};
    dispatcher.reading(await measuring.read({folder: pretrained, moment}));
    summary.measured.push(0);
  }

  const interrupted = new Promise<void>(resolve => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), {once: true});
  });
  signal.addEventListener('abort', () => arrived(), {once: true});
  // Checkpoints are held from the start: the inversions may take longer than a save_total_limit leaves them.
  const measured = Promise.race([interrupted, measureStart()]).then(measureAll);
  const failed = measured.catch((error: unknown) => {
    gaveUp.abort();
    throw error;
  });
  try {
    [summary.ended] = await Promise.all([lookOut().finally(() => finishQueue()), failed]);
  } catch (error) {
    await rm(join(run.folder, 'held'), {recursive: true, force: true});
    await dispatcher.finish('crashed');
    throw error;
  }
  if (![...summary.measured, ...summary.known].some(step => step > 0) && summary.failed.length === 0) {
    const what = 'folders such as checkpoint-100 with safetensors inside, or .safetensors files';
    notice('warning', 'no_checkpoint', `no checkpoint in ${folder}: looked for ${what}`);
  }
  await rm(join(run.folder, 'held'), {recursive: true, force: true});
  await dispatcher.finish('finished');
  await writeReport(run.folder).catch((error: unknown) =>
    say(`the report could not be written: ${messageOf(error)}`),
  );
  return summary;
}

async function writeReport(folder: string): Promise<void> {
  // The plotting library is large, and only wanted here.
  const {renderReport} = await import('../../render/index.js');
  await renderReport(await readRun(folder), folder);
}

async function openRecord(
  options: WatchOptions,
): Promise<{run: {folder: string; info: RunInfo}; dispatcher: Dispatcher; known: Known}> {
  const {folder, measuring, pretrained, dir = runsFolder(), trackers = [], onRun = () => {}} = options;
  const measured = await measuring.info();
  const derived = runOfFolder(folder, measured.fingerprint.id);
  const info = await describeRun({
    ...measured,
    id: options.run ?? derived.id,
    name: options.name ?? derived.name,
    config: {...options.config, watched: resolve(folder), pretrained: resolve(pretrained)},
  });
  const journal = openJournal(join(dir, info.id));
  const before = existsSync(join(journal.folder, 'run.json')) ? await journal.readBack() : null;
  if (before !== null && before.info.fingerprint.id !== info.fingerprint.id)
    throw new InvarianceError(
      'fingerprint_mismatch',
      `${journal.folder} holds a run that was measured otherwise; give this one another name with --run`,
    );
  const dispatcher = createDispatcher({
    journal,
    trackers,
    recordsOf: readRecords,
    patience: PATIENCE,
    now: Date.now,
  });
  await dispatcher.start(info, {resumed: before !== null});
  const known = whatIsKnown(before);
  if (before !== null)
    dispatcher.event({
      type: 'resumed',
      time: Date.now(),
      step: Math.max(0, known.lastLogged, ...known.readings.keys()),
    });
  onRun({folder: journal.folder, info});
  return {run: {folder: journal.folder, info}, dispatcher, known};
}

function whatIsKnown(run: RecordedRun | null): Known {
  const logged = (run?.events ?? []).flatMap(event => (event.type === 'logged' ? [event.step] : []));
  return {
    readings: new Map((run?.readings ?? []).map(({step, time}) => [step, time])),
    lastLogged: logged.reduce((a, b) => Math.max(a, b), -1),
    hasBaseline: run?.baseline != null,
    hasConvergence: run?.readings.some(({convergence}) => convergence !== undefined) ?? false,
  };
}

function momentOf({step, epoch, mtime}: Stepped, state: TrainerState | undefined): Moment {
  return {step, epoch, time: mtime, logged: loggedAt(state?.history ?? [], step)};
}
