import type {Checkpoints} from '../checkpoints/index.js';
import {InTurn} from '../disk/index.js';
import {scalarsOf, type Notices} from '../tracker/index.js';
import type {Baseline, Reading} from '../types.js';

/** Whether `checkpoints.monitor` names a value of readings, and not one of the training. */
export function isOfReadings(monitor: string | null | undefined): monitor is `invariance/${string}` {
  return monitor?.startsWith('invariance/') ?? false;
}

/**
 * Says which checkpoint is the best. That may be known only when a reading comes in, long after the checkpoint was
 * written: holds the step it has announced, and the work that values have set off beside the training.
 */
export class BestCheckpoint {
  private announced: number | null = null;
  private readonly work = new InTurn();
  /** Of a strict run, the first work that failed. */
  private failed: Promise<unknown> | null = null;

  /** @param monitor the value that decides, as `checkpoints.monitor` names it; null where none does */
  constructor(
    private readonly parts: {
      monitor: string | null;
      checkpoints: Checkpoints;
      notices: Notices;
      announce: (best: {step: number; path: string}) => void;
    },
  ) {}

  /** The training has logged values at a step. */
  logged(step: number, values: Readonly<Record<string, number>>): void {
    const {monitor} = this.parts;
    if (monitor !== null) this.add(step, values[monitor]);
  }

  /** A reading has come in. */
  measured(reading: Reading, baseline: Baseline | null): void {
    const {monitor} = this.parts;
    if (isOfReadings(monitor)) this.add(reading.step, scalarsOf(reading, baseline)[monitor]);
  }

  /** A checkpoint was written and is about to be announced; returns whether it is to be announced as the best. */
  written(step: number): boolean {
    const isBest = this.parts.checkpoints.best()?.step === step;
    if (isBest) this.announced = step;
    return isBest;
  }

  /**
   * Warns where there are checkpoints and no value to judge them by.
   * @param known names of the values that were logged
   * @param pending a reading or the first end of an epoch is still to come, and may bring one
   */
  warnOfUnknown({
    known,
    pending,
  }: {
    known: readonly string[];
    pending: {reading: boolean; epoch: boolean};
  }): void {
    const {monitor, checkpoints, notices} = this.parts;
    if (monitor === null || checkpoints.best() !== null) return;
    if (checkpoints.hasValue() && !isOfReadings(monitor)) {
      notices.raise(
        'warning',
        'no_best_checkpoint',
        `no checkpoint so far is of a step that '${monitor}' has a value of, so none is the best: write them when it comes, ` +
          "as with checkpoints.every: '1 epoch'",
      );
      return;
    }
    if (
      isOfReadings(monitor)
        ? pending.reading || checkpoints.hasValue()
        : pending.epoch && /^(val|epoch)_/.test(monitor)
    )
      return;
    notices.raise(
      'warning',
      'unknown_monitor',
      `checkpoints.monitor '${monitor}' has no value yet, so no checkpoint is the best; there are ` +
        `${[...known, 'invariance/…'].join(', ')}`,
    );
  }

  /** Waits for what values have set off; throws, in strict mode, what failed of it first. */
  async settled(): Promise<void> {
    await this.work.done();
    await this.failed;
  }

  private add(step: number, value: number | undefined): void {
    if (value === undefined) return;
    const {checkpoints, notices, announce} = this.parts;
    const announceBest = async (): Promise<void> => {
      await checkpoints.addValue(step, value);
      const best = checkpoints.best();
      if (best === null || best.step === this.announced) return;
      this.announced = best.step;
      announce(best);
    };
    const result = this.work.do(() => notices.guard('checkpoint_failed', announceBest));
    // It fails finish(), not the process.
    result.catch(() => void (this.failed ??= result));
  }
}
