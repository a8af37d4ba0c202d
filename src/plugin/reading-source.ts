import type {MeasurerInfo, Progress, ReadingCost} from '../measure/index.js';
import type {Baseline, Moment, Reading} from '../types.js';

/** What a source tells its monitor, whenever it comes. */
export interface SourceEvents {
  baseline(baseline: Baseline): void;
  /** @param child milliseconds of a core that a measuring child has used; 0 where the training thread itself measured */
  reading(reading: Reading, options: {child: number}): void;
  notice(level: 'info' | 'warning' | 'error', code: string, message: string): void;
  /** The weights of this step are no numbers any more: why that is said. */
  diverged(step: number, why: string): void;
  /** How far the inversions and measurements of the baseline are. */
  progress(progress: Progress): void;
}

/** Where readings are made: in this process, or from snapshots in a child. */
export interface ReadingSource {
  readonly info: MeasurerInfo;
  /** What readings will cost beside the training; null where it is the training that waits for them. */
  readonly cost: ReadingCost | null;
  /** Starts, or goes on with, what was left to do. */
  begin(events: SourceEvents): Promise<void>;
  /** A reading of the model as it is now. Training waits for the promise; the reading may come later. */
  take(moment: Moment, options: {acquire: boolean}): Promise<void>;
  /** Steps of readings taken and not measured yet, ascending. */
  waiting(): readonly number[];
  /** Puts the model's files as they were taken for the reading of this step into a folder; false where it cannot. */
  lend(step: number, to: string): Promise<boolean>;
  /** Waits until nothing waits. */
  drain(): Promise<void>;
  /** @param options.whole the run is over; otherwise what still waits is kept for the process that resumes it */
  close(options: {whole: boolean}): Promise<void>;
}
