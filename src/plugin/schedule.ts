import type {Cadence, TrainingState} from '../checkpoints/index.js';
import type {Budget} from './budget.js';
import {describeCadence, isDue, stretch, type TrainingTime} from './cadence.js';

/** What is due at one moment of training. */
export interface Due {
  log: boolean;
  reading: boolean;
  checkpoint: boolean;
}

/** Whether a reading may be taken now, or why not. */
export type Admission = {status: 'admitted'} | {status: 'refused'; reason: string};

/** The cadences of a run; null for what is never due. */
export interface Cadences {
  every: Cadence;
  acquired: Cadence | null;
  log: Cadence;
  checkpoints: Cadence | null;
}

/**
 * Says what is due, and when. Holds the moment it was last asked about, the cadence of readings as the budget has stretched it,
 * and whether the next reading is to acquire.
 */
export class Schedule {
  /** The cadence of readings in force. */
  every: Cadence;
  /** Whether the next reading takes A_t as well: it does once that has come due. */
  acquires = false;
  private passed: TrainingTime;

  /**
   * @param cadences what the user asked for
   * @param start where training begins, or goes on
   * @param before the cadence of readings in a run that is resumed: one that was stretched stays so, unless another
   *   is asked for now
   * @param readWithCheckpoints every checkpoint is to have a reading of its own step
   */
  constructor(
    private readonly parts: {
      cadences: Cadences;
      budget: Budget;
      share: number;
      start: TrainingTime;
      before: TrainingState['every'] | null;
      readWithCheckpoints: boolean;
    },
  ) {
    const {cadences, start, before} = parts;
    const isAskedAgain = JSON.stringify(before?.asked) === JSON.stringify(cadences.every);
    this.every = before !== null && isAskedAgain ? before.now : cadences.every;
    this.passed = start;
  }

  /** What has come due since the last call. The values of an epoch are always logged. */
  advance(now: TrainingTime, {isEpochEnd}: {isEpochEnd: boolean}): Due {
    const {cadences, readWithCheckpoints} = this.parts;
    const before = this.passed;
    this.passed = now;
    const hasCome = (cadence: Cadence | null): boolean => cadence !== null && isDue(cadence, before, now);
    const checkpoint = hasCome(cadences.checkpoints);
    this.acquires ||= hasCome(cadences.acquired);
    return {
      log: isEpochEnd || hasCome(cadences.log),
      reading: hasCome(this.every) || (checkpoint && readWithCheckpoints),
      checkpoint,
    };
  }

  /**
   * Whether the reading that is due fits the budget. Where it does not, the cadence is stretched; a list of steps is
   * taken at its word.
   * @param waiting readings that are still to be measured
   */
  admit({step, waiting}: {step: number; waiting: number}): Admission {
    const {budget, share} = this.parts;
    if (this.every.kind === 'list' || budget.affords(waiting)) return {status: 'admitted'};
    const rare = stretch(this.every);
    const remedy = rare === this.every ? `none at step ${step}` : `from here ${describeCadence(rare)}`;
    this.every = rare;
    const reason =
      `readings would cost ${percent(budget.shareWithNext(waiting))} of training time, over the budget of ` +
      `${percent(share)}: ${remedy}`;
    return {status: 'refused', reason};
  }
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${Number((100 * share).toPrecision(2))} %` : 'more';
}
