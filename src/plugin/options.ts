import type {LayersModel, Optimizer} from '@tensorflow/tfjs';
import type {LayerSelection, PixelForm, Tf} from '../engine/index.js';
import type {FactorSelection} from '../factors/index.js';
import type {InversionOptions} from '../inversion/index.js';
import type {Tracker} from '../tracker/index.js';
import type {Pooling} from '../types.js';
import type {Cadence} from '../checkpoints/index.js';
import type {CadenceText} from './cadence.js';
import type {LabelSource, MonitorProbes} from '../probes/index.js';

/** What `monitorInvariance` takes. Everything but `tf`, `model` and `probes` has a default. */
export interface MonitorOptions {
  /** Your own TensorFlow.js (tfjs, tfjs-node or tfjs-node-gpu), the one the model was made with. */
  tf: Tf;
  /** The model that is finetuned: one of `loadVit`, or any LayersModel that takes images. */
  model: LayersModel;
  /**
   * X: a folder of images, `FILE.safetensors:key`, a tensor (n, H, W, C) in [0, 1], a dataset, or anything that yields
   * tensors or images. At least 4; at most `probesMax` are taken.
   */
  probes: MonitorProbes;
  /** Probes taken at most. Default 64. Each costs a forward pass per layer and reading. */
  probesMax?: number;
  /**
   * Classes of the probes for the ridge probe, beside those of class folders: one an image in the order of the probes, a CSV or
   * JSON file of image path and label, or `FILE.safetensors:key` of integers. Default: class folders alone.
   */
  labels?: LabelSource;
  /** S: `FILE.safetensors:key`. Default: drawn with a fixed seed. */
  seeds?: string;
  /** Hugging Face folder of the pretrained model. Default: `model` as it stands now. */
  reference?: string;
  /**
   * Networks that were never trained, whose mean similarity is the floor: how many are drawn, or their Hugging Face
   * folders. Default 8 are drawn.
   */
  floor?: number | readonly string[];
  /**
   * Hugging Face folder of the same architecture trained from scratch on the new task: a second mark beside the floor.
   * Default: none.
   */
  scratch?: string;
  /** Layers measured, by name, glob or regular expression. Default: the blocks and the norm of a ViT. */
  layers?: LayerSelection;
  /**
   * How a block's tokens become one row an image: 'cls' the class token, 'mean' the mean of the patches, 'tokens' all of
   * them. Default: what a ViT's head reads; 'tokens' for other models.
   */
  pooling?: Pooling;
  /** How a model other than `loadVit`'s takes images: layout, range, mean, std. Default: NHWC in [0, 1]. */
  input?: PixelForm;
  /**
   * Preset of the inversion and its steps, in gradient evaluations an image. Default: preset fast, of 50; stir has 500. Each
   * costs a forward and a backward pass a probe and layer, once a pretrained model.
   */
  inversion?: {preset?: 'fast' | 'stir'; steps?: number};
  /**
   * Named transformations of the probes whose invariance is followed: 'all', 'none', or names, each with a strength where
   * that is not the default, as ['hue', 'rotation:15']. Default: hue, brightness, blur, flip and shift. Each costs a
   * forward pass a probe and reading, and all together one more.
   */
  factors?: FactorSelection;

  /** When readings are taken, besides one before training and one at the end. Default '1 epoch'. */
  every?: CadenceText;
  /** When a reading also inverts the finetuned model (L inversions more). Default: never. */
  acquired?: CadenceText;
  /** When values of the training are put on record between readings. Default '10 steps'. */
  log?: CadenceText;
  /**
   * Share of training time that readings may cost, above 0; over it the cadence is stretched. Default 0.05. A list of
   * steps is taken at its word. `Infinity` for no limit.
   */
  budget?: number;

  /** Where, when and how many checkpoints are written. Default: none are. */
  checkpoints?: CheckpointOptions;
  /**
   * Goes on where a killed run stopped, in the same run: a checkpoint folder, or 'auto' for the newest one in
   * `checkpoints.dir`; where there is none, 'auto' starts afresh.
   */
  resume?: string;
  /** The optimiser whose state goes into checkpoints. Default: the one the model is compiled with. */
  optimizer?: Optimizer;

  /** Called after the journal, which is always there. Default: none. */
  trackers?: readonly Tracker[];
  /** Says on standard error how the run goes; false: nothing but trouble. Default: where that is a terminal. */
  console?: boolean;
  /** Folder of the runs. Default `invariance`, under WANDB_DIR where that is set. */
  dir?: string;
  /** Name of the run, for people. Default: its id. */
  name?: string;
  /** Your own settings (learning rate, batch size, …), recorded with the run. */
  config?: Readonly<Record<string, unknown>>;
  /** Batches an epoch, for fractional epochs in a loop of your own. Default: from model.fit, else after the first epoch. */
  stepsPerEpoch?: number;
  /** Throw what goes wrong inside the training, instead of recording it as a notice. Default false. */
  strict?: boolean;
}

/** What decides how readings are made. */
export type MeasuringOptions = Pick<
  CheckedOptions,
  | 'tf'
  | 'model'
  | 'layers'
  | 'pooling'
  | 'input'
  | 'probes'
  | 'probesMax'
  | 'labels'
  | 'seeds'
  | 'reference'
  | 'floor'
  | 'scratch'
  | 'inversion'
  | 'factors'
>;

/** What becomes of checkpoints. */
export interface CheckpointOptions {
  /** Folder of the checkpoints. */
  dir: string;
  /** When one is written. Default '1 epoch'. */
  every?: CadenceText;
  /** The newest so many stay, and the best. Default 3. */
  keep?: number;
  /**
   * What makes a checkpoint the best: any value of the training, as 'val_acc', or of a reading, as
   * 'invariance/retention' or 'invariance/retention/block_03'. Default: nothing does.
   */
  monitor?: string;
  /** Whether more or less of it is better. Default 'max'. */
  mode?: 'min' | 'max';
  /** One at the end of training, whatever `every` says. Default true. */
  saveLast?: boolean;
}

/** Every default of the monitor but that of `dir`, which the environment decides. */
export const DEFAULTS = {
  probesMax: 64,
  every: '1 epoch',
  log: '10 steps',
  budget: 0.05,
  strict: false,
  checkpoints: {every: '1 epoch', keep: 3, mode: 'max', saveLast: true},
} as const;

/** Options as the monitor works with them: cadences read, defaults in place. */
export interface CheckedOptions extends Omit<
  MonitorOptions,
  'inversion' | 'every' | 'acquired' | 'log' | 'checkpoints'
> {
  probesMax: number;
  inversion: InversionOptions;
  every: Cadence;
  acquired: Cadence | null;
  log: Cadence;
  budget: number;
  checkpoints:
    | (Required<Omit<CheckpointOptions, 'every' | 'monitor'>> & {every: Cadence; monitor: string | null})
    | null;
  trackers: readonly Tracker[];
  console: boolean;
  /** The user said that nothing but trouble is to be said. */
  quiet: boolean;
  dir: string;
  strict: boolean;
}
