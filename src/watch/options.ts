import type {Tracker} from '../tracker/index.js';
import type {RunInfo} from '../types.js';
import type {ChildMeasurer} from '../measure/index.js';

/** Every default of watching a folder but that of `dir`, which the environment decides. */
export const WATCH_DEFAULTS = {
  /** Seconds between looks into the folder; what a look costs: docs/python.md. */
  poll: 2,
  /** Minutes without a new checkpoint after which the training is taken to be over. */
  idle: 60,
  /** Bytes of checkpoints that the training has deleted and that are kept, at most, while they wait to be measured. */
  held: 10 * 2 ** 30,
  until: 'final',
  order: 'oldest',
} as const;

/** What is looked for, for people. */
export const CHECKPOINTS = 'folders such as checkpoint-100 with safetensors inside, or .safetensors files';

export interface WatchOptions {
  /** Where a training leaves its checkpoints. */
  folder: string;
  /** Measures checkpoints against the pretrained model; not closed here, so that several folders can share it. */
  measurer: ChildMeasurer;
  /** The pretrained folder: measured as step 0, before the checkpoints. */
  pretrained: string;
  /** Id of the run. Default: that of the run in `dir` that watched this folder before, else a new one. */
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
   * only by the file `invariance-finished`. 'idle': neither. 'once': what is there now is measured, and no more is
   * waited for.
   */
  until?: 'final' | 'marker' | 'idle' | 'once';
  /** Minutes; 0 waits for ever. Default 60. */
  idle?: number;
  /** Process id of the training: when that has ended, the rest is measured and the watch ends. */
  pid?: number;
  /** Which of several waiting checkpoints is measured first. Default 'oldest'. */
  order?: 'oldest' | 'newest';
  /** Seconds. Default 2. */
  poll?: number;
  /** Every so many of the checkpoints are measured, and always the last. Default 1. */
  every?: number;
  /** Bytes. Default 10 GiB. */
  held?: number;
  /** Aborted, the watch stops after closing its record; what was not measured is measured next time. */
  signal?: AbortSignal;
  /** One line a thing that happens; default none. */
  say?: (line: string) => void;
  /** Told once the record is open. */
  onRun?: (run: {folder: string; info: RunInfo}) => void;
}

/** What came of a watch. */
export interface WatchSummary {
  /** The training's folder. */
  watched: string;
  run: string;
  /** The run's folder. */
  folder: string;
  /** Steps of the checkpoints measured now, in the order they were measured. */
  measured: number[];
  /** Steps of the checkpoints that were on record already. */
  known: number[];
  /** Checkpoints that could not be measured, with the reason. */
  failed: {path: string; reason: string}[];
  /** Why it ended: 'step 400 of 400 is reached', 'interrupted', … */
  ended: string;
}
