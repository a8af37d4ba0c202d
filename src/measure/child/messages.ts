import type {LayerSelection} from '../../engine/index.js';
import type {ErrorCode} from '../../errors.js';
import type {FactorSelection} from '../../factors/index.js';
import type {InversionOptions} from '../../inversion/index.js';
import type {Baseline, Fingerprint, Images, LayerName, Moment, Pooling, Reading} from '../../types.js';
import type {LabelSource} from '../../probes/index.js';
import type {Progress} from '../progress.js';
import type {ReadingCost} from '../reading-cost.js';

/** What a child measures. Files are named, never sent. */
export interface MeasurerSpec {
  /** Hugging Face folder of the pretrained model. */
  pretrained: string;
  /** Which prefix is meant where a folder holds the model under several, as `ema_model.`; default the only one. */
  prefix?: string;
  /** Which adapter is meant where a checkpoint holds several; default its own, or the only one. */
  adapter?: string;
  /** Default all blocks and the final norm. */
  layers?: LayerSelection;
  /** Default what the model's head reads. */
  pooling?: Pooling;
  /** Folder of images, `FILE.safetensors:key`, or images in memory. */
  probes: string | Images;
  /** Default 64. */
  probesMax?: number;
  /** Labels of the probes beside those of class folders. */
  labels?: LabelSource | undefined;
  /** `FILE.safetensors:key`, images, or the number to draw them from; default 0. */
  seeds?: string | Images | number;
  /** Folders of networks that were never trained, or how many to draw, for the floor N; default 8. */
  floor?: readonly string[] | number;
  /** Folder of a network trained from scratch on the new task; default none. */
  scratch?: string;
  /** Default preset fast. */
  inversion?: InversionOptions;
  /** Named transformations of the probes; default five. */
  factors?: FactorSelection;
  /** Default `defaultCacheFolder()`; null keeps inversions in memory. */
  cache?: string | null;
  /** Threads of each process; default 1. */
  threads?: number;
  /** Processes that share the inversions through the cache; default 1, as beside a training. */
  workers?: number;
}

/** Known as soon as model and probes are loaded, before anything is measured. */
export interface MeasurerInfo {
  engine: string;
  layers: readonly LayerName[];
  blocks: readonly LayerName[];
  pooling: Pooling;
  probes: {count: number; source: string};
  fingerprint: Fingerprint;
}

export interface ReadRequest {
  /** Hugging Face folder of a checkpoint. */
  folder: string;
  moment: Moment;
  /** Take A_t as well; default false. */
  acquire?: boolean;
  /** Report |R(T) − R(T/2)|; default on the first reading after step 0. */
  convergence?: boolean;
}

/** `open` once, then requests, answered in order. `help` only makes inversions for other processes. */
export type Command =
  | {type: 'open'; spec: MeasurerSpec}
  | {type: 'info'; id: number}
  | {type: 'cost'; id: number}
  | {type: 'baseline'; id: number}
  | {type: 'check'; id: number; folder: string}
  | {type: 'help'; id: number}
  | {type: 'read'; id: number; request: ReadRequest};

export type Report =
  | {type: 'done'; id: number; value: MeasurerInfo | ReadingCost | Baseline | Reading | null}
  | {type: 'failed'; id: number; code: ErrorCode; message: string; stack: string | undefined}
  | {type: 'progress'; progress: Progress}
  | {type: 'notice'; code: string; message: string};
