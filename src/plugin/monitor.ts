import {setImmediate} from 'node:timers/promises';
import type {LayersModel} from '@tensorflow/tfjs';
import {InvarianceError} from '../errors.js';
import type {FolderContents, LogEntry} from '../models/index.js';
import {scalarsOf} from '../tracker/index.js';
import type {Baseline, Moment, Reading, RunState} from '../types.js';
import type {Budget, Shares} from './budget.js';
import type {Cadence} from '../checkpoints/index.js';
import {describeCadence, isDue, stretch, type TrainingTime} from './cadence.js';
import {createCallback, type TrainingCallback} from './callback.js';
import type {Checkpoints} from '../checkpoints/index.js';
import type {Dispatcher} from '../tracker/index.js';
import {epochLogs, numbersOf, type Logs} from './logged-values.js';
import {createInversionProgress} from '../measure/index.js';
import type {Notices} from '../tracker/index.js';
import type {ReadingSource} from './reading-source.js';
import type {OptimizerHeader} from '../checkpoints/index.js';
import type {CheckedOptions} from './options.js';
import type {TrainingState} from '../checkpoints/index.js';

/** Watches one finetune. Everything it does is in docs/callback.md, at its place in the training loop. */
export interface Monitor {
  /** For `model.fit` and `model.fitDataset`, alone or in a list. */
  callback(): TrainingCallback;
  /**
   * For a loop of your own, after each optimiser step; await it.
   * @param logs of this step: numbers, or scalars, which are read only when they are used
   */
  step(logs?: Logs): Promise<void>;
  /** For a loop of your own, after each epoch; await it. */
  epochEnd(logs?: Logs): Promise<void>;
  /**
   * The last reading and checkpoint; waits for what is still being measured and sent, and closes the run.
   * @param state 'crashed' or 'killed' end the run at once, ready to be resumed. Default 'finished'.
   */
  finish(state?: Exclude<RunState, 'running'>): Promise<MonitorState>;
  readonly state: MonitorState;
}

export interface MonitorState {
  /** Id of the run, and the folder of its record. */
  run: string;
  folder: string;
  /** Optimiser steps, whole epochs, and batches of the epoch under way; after a resume, where to go on. */
  step: number;
  epoch: number;
  batch: number;
  resumed: boolean;
  /** Readings on record, and those taken that are still to be measured. */
  readings: number;
  waiting: number;
  best: {step: number; value: number; path: string} | null;
  /** What readings have cost, as shares of training time. */
  cost: Shares;
  /** How often each kind of notice was raised. */
  notices: Readonly<Record<string, number>>;
  /** `report.html`, once the run has finished. */
  report: string | null;
  ended: RunState;
}

/** What a monitor is made of. */
export interface MonitorParts {
  options: CheckedOptions;
  run: {id: string; folder: string; fingerprint: string};
  source: ReadingSource;
  dispatcher: Dispatcher;
  notices: Notices;
  budget: Budget;
  /** Null where no checkpoints are asked for. */
  checkpoints: Checkpoints | null;
  /** Writes the model's files into a folder. */
  saveModel: (folder: string) => Promise<void>;
  /** The state of the optimiser, where there is one. */
  optimizer: () => Promise<{header: OptimizerHeader | null; files: FolderContents}>;
  /** Where training goes on, and what was recorded up to there; null for a fresh run. */
  resumed: {state: TrainingState; log: readonly LogEntry[]; readings: readonly number[]} | null;
  /** Writes the report of the run; its path. */
  report: () => Promise<string>;
  /** The run is over: the model may be monitored anew. */
  release: () => void;
  /** Monotonic and Unix milliseconds. */
  clock: () => number;
  now: () => number;
}

/** The event loop gets a turn this often, in milliseconds: on backends that never wait, a training loop would starve it. */
const TURN = 100;

/** A cadence that was stretched stays so after a resume, unless another one is asked for now. */
function cadenceNow({every}: TrainingState, asked: Cadence): Cadence {
  return JSON.stringify(every.asked) === JSON.stringify(asked) ? every.now : asked;
}

/** Takes the first reading, or goes on with what a killed process left, and is then ready for training. */
export async function createMonitor(parts: MonitorParts): Promise<Monitor> {
  const {options, run, source, dispatcher, notices, budget, checkpoints, resumed, clock, now} = parts;
  const {model, log: logCadence, acquired, checkpoints: saving} = options;
  const began = clock();
  const log: LogEntry[] = [...(resumed?.log ?? [])];
  const at = {
    step: resumed?.state.step ?? 0,
    epochs: resumed?.state.epochs ?? 0,
    batch: resumed?.state.batch ?? 0,
  };
  let stepsPerEpoch = options.stepsPerEpoch ?? resumed?.state.stepsPerEpoch ?? null;
  let every = resumed === null ? options.every : cadenceNow(resumed.state, options.every);
  let passed: TrainingTime = {step: at.step, epochs: at.epochs, elapsed: 0};
  let reported: {step: number; values: Record<string, number>} = {step: at.step, values: {}};
  let baseline: Baseline | null = null;
  let taken = -1;
  /** What the newest checkpoint says. */
  let saved: TrainingState | null = resumed?.state ?? null;
  let readings = resumed?.readings.length ?? 0;
  let isAcquiringDue = false;
  let turn = clock();
  let ended: RunState = 'running';
  let ending: Promise<MonitorState> | null = null;
  let report: string | null = null;
  let bestStep: number | null = null;
  const monitorsReadings = saving?.monitor?.startsWith('invariance/') ?? false;
  /** Work that readings set off when they arrive, between the steps of training. */
  let aside: Promise<unknown> = Promise.resolve();
  /** In strict mode, what failed while nobody was waiting: the next call throws it. */
  let fault: InvarianceError | null = null;

  const epoch = (): number | null => {
    if (at.batch === 0) return at.epochs;
    return stepsPerEpoch === null ? null : at.epochs + at.batch / stepsPerEpoch;
  };
  const momentNow = (): Moment => ({
    step: at.step,
    epoch: epoch(),
    time: now(),
    logged: reported.step === at.step ? {...reported.values} : {},
  });

  async function advance(logs: Logs | undefined, {isEpochEnd}: {isEpochEnd: boolean}): Promise<void> {
    if (fault !== null) throw fault;
    const progress = {step: at.step, epochs: at.epochs, elapsed: clock() - began};
    const before = passed;
    passed = progress;
    const isLogDue = isEpochEnd || isDue(logCadence, before, progress);
    const isCheckpointDue = saving !== null && isDue(saving.every, before, progress);
    // Only a reading of its own step says how good a checkpoint is.
    const isReadingDue = isDue(every, before, progress) || (isCheckpointDue && monitorsReadings);
    isAcquiringDue ||= acquired !== null && isDue(acquired, before, progress);
    if (isLogDue || isReadingDue || isCheckpointDue) {
      await notices.guard('logs_unreadable', async () => record(await numbersOf(logs), isLogDue));
    }
    if (isReadingDue && isAffordable()) await read();
    if (isCheckpointDue) await save();
    if (clock() - turn > TURN) {
      await setImmediate();
      turn = clock();
    }
  }

  function record(values: Record<string, number>, isLogDue: boolean): void {
    const earlier = reported.step === at.step ? reported.values : {};
    reported = {step: at.step, values: {...earlier, ...values}};
    const monitored = saving?.monitor == null ? undefined : values[saving.monitor];
    if (monitored !== undefined) addValue(at.step, monitored);
    if (!isLogDue || Object.keys(values).length === 0) return;
    log.push({step: at.step, epoch: epoch(), values});
    dispatcher.event({type: 'logged', time: now(), step: at.step, epoch: epoch(), values});
  }

  /** A reading over the budget is left out, and the cadence stretched; what a list says is taken at its word. */
  function isAffordable(): boolean {
    const waiting = source.waiting().length;
    if (every.kind === 'list' || budget.affords(waiting)) return true;
    const percent = (share: number): string =>
      Number.isFinite(share) ? `${Number((100 * share).toPrecision(2))} %` : 'more';
    const rare = stretch(every);
    const remedy = rare === every ? `none at step ${at.step}` : `from here ${describeCadence(rare)}`;
    notices.raise(
      'warning',
      'budget',
      `readings would cost ${percent(budget.shareWithNext(waiting))} of training time, over the budget of ` +
        `${percent(options.budget)}: ${remedy}`,
    );
    every = rare;
    return false;
  }

  async function read(): Promise<void> {
    if (taken === at.step) return;
    const start = clock();
    await notices.guard('reading_failed', async () => {
      await source.take(momentNow(), {acquire: isAcquiringDue});
      taken = at.step;
      isAcquiringDue = false;
    });
    budget.blocked(clock() - start);
  }

  async function save(): Promise<void> {
    if (checkpoints === null || saved?.step === at.step) return;
    await notices.guard('checkpoint_failed', async () => {
      const {header, files} = await parts.optimizer();
      const state: TrainingState = {
        format: 1,
        run: run.id,
        fingerprint: run.fingerprint,
        step: at.step,
        epoch: epoch(),
        // After the last batch of an epoch the next one to train on is the first of the next.
        ...(at.batch === stepsPerEpoch
          ? {epochs: at.epochs + 1, batch: 0}
          : {epochs: at.epochs, batch: at.batch}),
        stepsPerEpoch,
        every: {asked: options.every, now: every},
        spending: budget.spending(),
        optimizer: header,
        time: now(),
      };
      const {path} = await checkpoints.save({
        state,
        log,
        model: async folder => {
          if (!(await source.lend(at.step, folder))) await parts.saveModel(folder);
        },
        files,
      });
      saved = state;
      const isBest = checkpoints.best()?.step === state.step;
      if (isBest) bestStep = state.step;
      const aliases = ['latest', `step-${state.step}`, ...(isBest ? ['best'] : [])];
      dispatcher.event({type: 'checkpoint', time: now(), step: state.step, path, aliases});
    });
    warnOfUnknownMonitor();
  }

  /** A checkpoint written after the last batch of the first epoch could not know that it was the last. */
  async function moveToEpochEnd(state: TrainingState): Promise<void> {
    saved = {...state, epoch: at.epochs, epochs: at.epochs, batch: 0, stepsPerEpoch};
    await notices.guard('checkpoint_failed', () => checkpoints!.restate(saved!));
  }

  /** Which checkpoint is best may be known only when a reading comes in. */
  function addValue(step: number, value: number): void {
    if (checkpoints === null) return;
    aside = aside.then(() =>
      notices.guard('checkpoint_failed', async () => {
        await checkpoints.addValue(step, value);
        const best = checkpoints.best();
        if (best === null || best.step === bestStep) return;
        bestStep = best.step;
        dispatcher.event({
          type: 'checkpoint',
          time: now(),
          step: best.step,
          path: best.path,
          aliases: ['best'],
        });
      }),
    );
    // In strict mode it fails finish(), not the process.
    aside.catch(() => undefined);
  }

  function warnOfUnknownMonitor(): void {
    const name = saving?.monitor;
    if (name == null || checkpoints === null || checkpoints.hasValue()) return;
    if (name.startsWith('invariance/') && (baseline === null || source.waiting().length > 0)) return;
    const known = new Set(log.flatMap(({values}) => Object.keys(values)));
    notices.raise(
      'warning',
      'unknown_monitor',
      `checkpoints.monitor '${name}' has no value yet, so no checkpoint is the best; there are ` +
        `${[...known, 'invariance/…'].join(', ')}`,
    );
  }

  function receive(reading: Reading, {child}: {child: number}): void {
    readings++;
    dispatcher.reading(reading);
    // That of step 0 is taken before training, whenever it comes in.
    if (child > 0) budget.measured(child, {onAccount: reading.step > 0});
    const name = saving?.monitor;
    if (name == null || !name.startsWith('invariance/')) return;
    const value = scalarsOf(reading, baseline!)[name];
    if (value !== undefined) addValue(reading.step, value);
  }

  const hooks = {
    fitBegin({
      model: fitted,
      stepsPerEpoch: steps,
    }: {
      model: LayersModel | null;
      stepsPerEpoch: number | null;
    }) {
      stepsPerEpoch = steps ?? stepsPerEpoch;
      // A Sequential trains the model inside it.
      if (fitted !== null && fitted !== model && fitted !== (model as {model?: unknown}).model) {
        notices.raise(
          'warning',
          'other_model',
          `the callback of model ${model.name} was given to the fit of model ${fitted.name}: its readings say nothing of that one`,
        );
      }
      if (at.batch > 0) {
        notices.raise(
          'warning',
          'mid_epoch',
          `resumed after ${at.batch} batches of epoch ${at.epochs + 1}, which fit starts again from its first; ` +
            "with checkpoints at epoch ends ('1 epoch') nothing is trained twice",
        );
        at.batch = 0;
      }
    },
    async step(logs?: Logs) {
      if (ended !== 'running') return;
      at.step++;
      at.batch++;
      await advance(logs, {isEpochEnd: false});
    },
    async epochEnd(logs?: Logs) {
      if (ended !== 'running') return;
      stepsPerEpoch ??= at.batch > 0 ? at.batch : null;
      at.epochs++;
      at.batch = 0;
      if (saved?.step === at.step && saved.batch > 0) await moveToEpochEnd(saved);
      await advance(epochLogs(logs), {isEpochEnd: true});
    },
  };

  /** The last reading and checkpoint, and everything that is still under way. */
  async function complete(): Promise<void> {
    await read();
    if (saving?.saveLast) await save();
    const left = source.waiting().length;
    if (left > 0) {
      const readings = left === 1 ? '1 reading is' : `${left} readings are`;
      const message = `training is over; ${readings} still being measured`;
      notices.raise('info', 'draining', message, {aloud: true});
    }
    await source.drain();
    if (fault !== null) throw fault;
  }

  async function end(state: Exclude<RunState, 'running'>): Promise<MonitorState> {
    /** In strict mode: whatever failed, the child is ended and the record is closed before it is thrown. */
    const failures: unknown[] = [];
    const attempt = (work: () => Promise<unknown>): Promise<unknown> =>
      work().catch((error: unknown) => failures.push(error));
    budget.end();
    if (state === 'finished') await attempt(complete);
    await attempt(() => aside);
    ended = failures.length > 0 && state === 'finished' ? 'crashed' : state;
    const whole = ended === 'finished';
    await attempt(() => notices.guard('close_failed', () => source.close({whole})));
    if (whole) {
      await attempt(async () => (report = (await notices.guard('report_failed', parts.report)) ?? null));
    }
    await dispatcher.finish(ended);
    parts.release();
    if (failures.length > 0) throw failures[0];
    return stateNow();
  }

  const stateNow = (): MonitorState => ({
    run: run.id,
    folder: run.folder,
    step: at.step,
    epoch: at.epochs,
    batch: at.batch,
    resumed: resumed !== null,
    readings,
    waiting: source.waiting().length,
    best: checkpoints?.best() ?? null,
    cost: budget.shares(),
    notices: notices.counts(),
    report,
    ended,
  });

  await source.begin({
    baseline(measured) {
      baseline = measured;
      dispatcher.event({type: 'baseline', time: now(), baseline: measured});
    },
    reading: receive,
    notice(level, code, message) {
      notices.raise(level, code, message);
      if (options.strict && level === 'error') fault = new InvarianceError('engine_failed', message);
    },
    progress: createInversionProgress((message, options) =>
      notices.raise('info', 'inversion', message, options),
    ),
  });
  taken = Math.max(-1, ...(resumed?.readings ?? []), ...source.waiting());
  if (resumed === null) await read();
  budget.begin();

  const finish = (state: Exclude<RunState, 'running'> = 'finished'): Promise<MonitorState> => {
    if (ending !== null) return ending;
    ended = state;
    return (ending = end(state));
  };

  return {
    callback: () => createCallback(options.tf, hooks),
    step: hooks.step,
    epochEnd: hooks.epochEnd,
    finish,
    get state() {
      return stateNow();
    },
  };
}
