import type {RunState} from '../types.js';
import type {Shares} from './budget.js';
import {createCallback, type FitBegin, type LoopHooks, type TrainingCallback} from './callback.js';
import {createTurns} from './event-loop-turn.js';
import {epochLogs, numbersOf, type Logs} from './logged-values.js';
import {composeTraining, type MonitorParts, type TrainingParts} from './monitor-parts.js';

/** Watches one finetune. Everything it does is in docs/callback.md, at its place in the training loop. */
export interface Monitor {
  /** For `model.fit` and `model.fitDataset`, alone or in a list with other callbacks. */
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
  /** Where it stands now. */
  readonly state: MonitorState;
}

/** Where a monitor stands. */
export interface MonitorState {
  /** Id of the run. */
  run: string;
  /** Folder of its record. */
  folder: string;
  /** Optimiser steps done; after a resume, where to go on. */
  step: number;
  /** Whole epochs done. */
  epoch: number;
  /** Batches done of the epoch under way. */
  batch: number;
  /** The run goes on where a killed one stopped. */
  resumed: boolean;
  /** Readings on record. */
  readings: number;
  /** Readings taken that are still to be measured. */
  waiting: number;
  /** The checkpoint that `checkpoints.monitor` calls best; null without it, and before there is one. */
  best: {step: number; value: number; path: string} | null;
  /** The step from which on the training is known to have diverged (its loss or weights are not finite); else null. */
  diverged: number | null;
  /** What readings have cost, as shares of training time. */
  cost: Shares;
  /** How often each kind of notice was raised. */
  notices: Readonly<Record<string, number>>;
  /** `report.html`, once the run has finished. */
  report: string | null;
  /** 'running' until `finish`. */
  ended: RunState;
}

/** Takes the first reading, or goes on with what a killed process left, and is then ready for training. */
export async function createMonitor(parts: MonitorParts): Promise<Monitor> {
  const monitor = new TrainingMonitor(parts);
  await monitor.begin();
  const hooks: LoopHooks = {
    fitBegin: fit => monitor.fitBegin(fit),
    step: logs => monitor.step(logs),
    epochEnd: logs => monitor.epochEnd(logs),
  };
  return {
    callback: () => createCallback(parts.options.tf, hooks),
    step: hooks.step,
    epochEnd: hooks.epochEnd,
    finish: state => monitor.finish(state),
    get state() {
      return monitor.state;
    },
  };
}

/** Does what docs/callback.md says, with the parts it is composed of. Holds how the run ends. */
class TrainingMonitor {
  private readonly training: TrainingParts;
  private readonly giveTurn: () => Promise<void>;
  private readonly began: number;
  private ended: RunState = 'running';
  private ending: Promise<MonitorState> | null = null;
  private report: string | null = null;

  constructor(private readonly parts: MonitorParts) {
    this.began = parts.clock();
    this.giveTurn = createTurns(parts.clock);
    this.training = composeTraining(parts);
  }

  async begin(): Promise<void> {
    await this.training.readings.begin();
    if (this.parts.resumed === null) await this.read();
    this.parts.budget.begin();
  }

  fitBegin({model: fitted, stepsPerEpoch}: FitBegin): void {
    const {options, notices, run} = this.parts;
    if (this.ended !== 'running') {
      // Its record is closed.
      process.stderr.write(
        `wandb-invariance: run ${run.id} has ${this.ended}, so this fit is not monitored; build a new monitor for it\n`,
      );
      return;
    }
    const {position} = this.training;
    const {model} = options;
    position.stepsPerEpoch = stepsPerEpoch ?? position.stepsPerEpoch;
    // A Sequential trains the model inside it.
    if (fitted !== null && fitted !== model && fitted !== (model as {model?: unknown}).model) {
      notices.raise(
        'warning',
        'other_model',
        `the callback of model ${model.name} was given to the fit of model ${fitted.name}: its readings say nothing of that one`,
      );
    }
    if (position.batch > 0) {
      notices.raise(
        'warning',
        'mid_epoch',
        `resumed after ${position.batch} batches of epoch ${position.epochs + 1}, which fit starts again from its first; ` +
          "with checkpoints at epoch ends ('1 epoch') nothing is trained twice",
      );
      position.restartEpoch();
    }
  }

  async step(logs?: Logs): Promise<void> {
    if (this.ended !== 'running') return;
    this.training.position.countStep();
    await this.advance(logs, {isEpochEnd: false});
  }

  async epochEnd(logs?: Logs): Promise<void> {
    if (this.ended !== 'running') return;
    this.training.position.countEpoch();
    await this.training.saving?.writer.endEpoch();
    await this.advance(epochLogs(logs), {isEpochEnd: true});
  }

  finish(state: Exclude<RunState, 'running'> = 'finished'): Promise<MonitorState> {
    if (this.ending !== null) return this.ending;
    this.ended = state;
    return (this.ending = this.end(state));
  }

  get state(): MonitorState {
    const {run, resumed, checkpoints, budget, notices} = this.parts;
    const {position, readings, divergence} = this.training;
    return {
      run: run.id,
      folder: run.folder,
      step: position.step,
      epoch: position.epochs,
      batch: position.batch,
      resumed: resumed !== null,
      readings: readings.count,
      waiting: readings.waiting,
      best: checkpoints?.best() ?? null,
      diverged: divergence.step,
      cost: budget.shares(),
      notices: notices.counts(),
      report: this.report,
      ended: this.ended,
    };
  }

  private async advance(logs: Logs | undefined, {isEpochEnd}: {isEpochEnd: boolean}): Promise<void> {
    const {notices, clock} = this.parts;
    const {position, schedule, readings} = this.training;
    const {step, epochs} = position;
    readings.throwFault();
    const due = schedule.advance({step, epochs, elapsed: clock() - this.began}, {isEpochEnd});
    if (due.log || due.reading || due.checkpoint) {
      await notices.guard('logs_unreadable', async () => this.record(await numbersOf(logs), due.log));
    }
    if (due.reading && this.isAffordable()) await this.read();
    if (due.checkpoint) await this.save();
    await this.giveTurn();
  }

  private record(values: Record<string, number>, isLogDue: boolean): void {
    const {dispatcher, now} = this.parts;
    const {position, log, saving, divergence} = this.training;
    const {step, epoch} = position;
    log.report(step, values);
    divergence.logged(step, values);
    saving?.best.logged(step, values);
    if (!isLogDue || Object.keys(values).length === 0) return;
    log.entries.push({step, epoch, values});
    dispatcher.event({type: 'logged', time: now(), step, epoch, values});
  }

  private isAffordable(): boolean {
    const {position, schedule, readings} = this.training;
    const admission = schedule.admit({step: position.step, waiting: readings.owed});
    if (admission.status === 'refused') this.parts.notices.raise('warning', 'budget', admission.reason);
    return admission.status === 'admitted';
  }

  private async read(): Promise<void> {
    const {position, log, schedule, readings} = this.training;
    const {step, epoch} = position;
    const moment = {step, epoch, time: this.parts.now(), logged: log.valuesAt(step)};
    if (await readings.take(moment, {acquire: schedule.acquires})) schedule.acquires = false;
  }

  private async save(): Promise<void> {
    const {position, log, readings, saving, divergence} = this.training;
    if (saving === null || divergence.isBroken || !(await saving.writer.save())) return;
    const pending = {
      reading: readings.baseline === null || readings.waiting > 0,
      epoch: position.epochs === 0 && this.ended === 'running',
    };
    saving.best.warnOfUnknown({known: log.names(), pending});
  }

  /** The last reading and checkpoint, and everything that is still under way. */
  private async complete(): Promise<void> {
    await this.read();
    if (this.parts.options.checkpoints?.saveLast) await this.save();
    await this.training.readings.drain();
  }

  private async end(state: Exclude<RunState, 'running'>): Promise<MonitorState> {
    const {budget, notices, source, dispatcher, report, release} = this.parts;
    /** In strict mode a failure is thrown only once the child has ended and the record is closed. */
    const failures: unknown[] = [];
    const attempt = (work: () => Promise<unknown>): Promise<unknown> =>
      work().catch((error: unknown) => failures.push(error));
    budget.end();
    if (state === 'finished') await attempt(() => this.complete());
    await attempt(async () => this.training.saving?.best.settled());
    this.ended = failures.length > 0 && state === 'finished' ? 'crashed' : state;
    const whole = this.ended === 'finished';
    await attempt(() => notices.guard('close_failed', () => source.close({whole})));
    if (whole)
      await attempt(async () => (this.report = (await notices.guard('report_failed', report)) ?? null));
    await dispatcher.finish(this.ended);
    release();
    if (failures.length > 0) throw failures[0];
    return this.state;
  }
}
