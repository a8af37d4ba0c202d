import type {Checkpoints, OptimizerHeader, TrainingState} from '../checkpoints/index.js';
import type {FolderContents} from '../models/index.js';
import type {Dispatcher, Notices} from '../tracker/index.js';
import type {BestCheckpoint} from './best-checkpoint.js';
import type {Budget} from './budget.js';
import type {Position} from './position.js';
import type {ReadingSource} from './reading-source.js';
import type {Schedule} from './schedule.js';
import type {CheckedOptions} from './options.js';
import type {TrainingLog} from './training-log.js';

/** What a checkpoint is made of. */
export interface CheckpointParts {
  run: {id: string; fingerprint: string};
  options: Pick<CheckedOptions, 'every'>;
  source: Pick<ReadingSource, 'lend'>;
  /** Writes the model's files into a folder. */
  saveModel: (folder: string) => Promise<void>;
  /** The state of the optimiser, where there is one. */
  optimizer: () => Promise<{header: OptimizerHeader | null; files: FolderContents}>;
  budget: Budget;
  dispatcher: Pick<Dispatcher, 'event'>;
  notices: Notices;
  /** Unix milliseconds. */
  now: () => number;
}

/** Writes checkpoints of the training as it stands, one a step at most. Holds what the newest one says. */
export class CheckpointWriter {
  private newest: TrainingState | null;

  /** @param training.newest the checkpoint that the run is resumed from */
  constructor(
    private readonly parts: CheckpointParts,
    private readonly training: {
      position: Position;
      log: TrainingLog;
      schedule: Schedule;
      checkpoints: Checkpoints;
      best: BestCheckpoint;
      newest: TrainingState | null;
    },
  ) {
    this.newest = training.newest;
  }

  /** False where this step has one already. */
  async save(): Promise<boolean> {
    const {parts} = this;
    const {position, log, checkpoints, best} = this.training;
    if (this.newest?.step === position.step) return false;
    await parts.notices.guard('checkpoint_failed', async () => {
      const {header, files} = await parts.optimizer();
      const state = this.stateNow(header);
      const {path} = await checkpoints.save({
        state,
        log: log.entries,
        model: async folder => {
          if (!(await parts.source.lend(position.step, folder))) await parts.saveModel(folder);
        },
        files,
      });
      this.newest = state;
      const aliases = ['latest', `step-${state.step}`, ...(best.written(state.step) ? ['best'] : [])];
      parts.dispatcher.event({type: 'checkpoint', time: parts.now(), step: state.step, path, aliases});
    });
    return true;
  }

  /** A checkpoint written after the last batch of the first epoch could not know that it was the last. */
  async endEpoch(): Promise<void> {
    const {position, checkpoints} = this.training;
    if (this.newest?.step !== position.step || this.newest.batch === 0) return;
    const {epochs, stepsPerEpoch} = position;
    const state = {...this.newest, epoch: epochs, epochs, batch: 0, stepsPerEpoch};
    this.newest = state;
    await this.parts.notices.guard('checkpoint_failed', () => checkpoints.restate(state));
  }

  private stateNow(optimizer: OptimizerHeader | null): TrainingState {
    const {run, options, budget, now} = this.parts;
    const {position, schedule} = this.training;
    return {
      format: 1,
      run: run.id,
      fingerprint: run.fingerprint,
      step: position.step,
      epoch: position.epoch,
      ...position.next,
      stepsPerEpoch: position.stepsPerEpoch,
      every: {asked: options.every, now: schedule.every},
      spending: budget.spending(),
      optimizer,
      time: now(),
    };
  }
}
