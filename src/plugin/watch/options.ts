import type {Tracker} from '../../tracker/index.js';
import type {RunInfo} from '../../types.js';
import type {Measuring} from '../measuring.js';

/** Every default of watching a folder but that of `dir`, which the environment decides. */
export const WATCH_DEFAULTS = {
  /** Seconds between looks into the folder; a look at 10,000 names takes some milliseconds. */
  poll: 2,
  /** Minutes without a new checkpoint after which the training is taken to be over. */
  idle: 60,
  until: 'final',
  order: 'oldest',
} as const;

export interface WatchOptions {
  /** Where a training leaves its checkpoints. */
  folder: string;
  /** Measures checkpoints against the pretrained model; not closed here, so that several folders can share it. */
  measuring: Measuring;
  /** The pretrained folder: measured as step 0. */
  pretrained: string;
  /** Id of the run. Default: derived from the folder, so that a second watch of it goes on in the same run. */
  run?: string;
  /** Name for people. Default: the folder's last part. */
  name?: string;
  /** Folder of the runs. Default `invariance`, under WANDB_DIR where that is set. */
  dir?: string;
  /** Further settings of the run, for comparison. */
  config?: Readonly<Record<string, unknown>>;
  trackers?: readonly Tracker[];
  /**
   * What ends the watch besides `idle` and `signal`. 'final' (default): the training says that it is over. 'marker':
   * only by the file `invariance-finished`. 'idle': nothing else. 'once': what is there now is measured, and no more is
   * waited for.
   */
  until?: 'final' | 'marker' | 'idle' | 'once';
  /** Minutes; 0 waits for ever. Default 60. */
  idle?: number;
  /** Which of several waiting checkpoints is measured first. Default 'oldest'. */
  order?: 'oldest' | 'newest';
  /** Seconds. Default 2. */
  poll?: number;
  /** Every so many of the checkpoints are measured, and always the last. Default 1. */
  every?: number;
  /** Aborted, the watch stops after closing its record; what was not measured is measured next time. */
  signal?: AbortSignal;
  /** One line a thing that happens; default none. */
  say?: (line: string) => void;
  /** Told once the record is open. */
  onRun?: (run: {folder: string; info: RunInfo}) => void;
}

/** What came of a watch. */
export interface WatchSummary {
  run: string;
  /** The run's folder. */
  folder: string;
  /** Steps measured now, in the order they were measured. */
  measured: number[];
  /** Steps that were on record already. */
  known: number[];
  /** Checkpoints that could not be measured, with the reason. */
  failed: {path: string; reason: string}[];
  /** Why it ended: 'step 400 of 400 is reached', 'interrupted', … */
  ended: string;
}
