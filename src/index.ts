/**
 * What a training loop needs, and whoever reads its record afterwards. How to use it is in [callback.md](../callback.md) and
 * [wandb.md](../wandb.md), what the numbers mean in [metrics.md](../metrics.md); the command line needs none of this.
 *
 * Importing it loads no TensorFlow.js, no onnxruntime and no plotting library. What is refused or goes wrong is an
 * {@link InvarianceError}.
 *
 * @module wandb-invariance
 */
export {
  compareRuns,
  type ComparableRun,
  type Comparison,
  type LayerDifference,
  type ValueDifference,
} from './compare/index.js';
export {InvarianceError, type ErrorCode} from './errors.js';
export {
  loadVit,
  saveVit,
  type LayerSelection,
  type LoadVitOptions,
  type PixelForm,
  type SaveVitOptions,
  type Tf,
} from './engine/index.js';
export type {FolderContents, WritableTensor} from './models/index.js';
export {readRun, type RecordedRun} from './journal/index.js';
export {
  monitorInvariance,
  wandbPictures,
  type CadenceText,
  type CheckpointOptions,
  type Logs,
  type Monitor,
  type MonitorOptions,
  type MonitorState,
  type Shares,
  type TrainingCallback,
} from './plugin/index.js';
export type {FactorSelection} from './factors/index.js';
export type {TextStream} from './terminal/index.js';
export type {LabelSource, MonitorProbes, ProbeSource, TensorBatch, TensorDataset} from './probes/index.js';
export {
  consoleTracker,
  memoryTracker,
  scalarsOf,
  wandbTracker,
  type AlertRules,
  type ChartReading,
  type ConsoleTrackerOptions,
  type MemoryTracker,
  type OwnRun,
  type Picture,
  type Pictures,
  type StartOptions,
  type TableData,
  type Tracker,
  type WandbOptions,
  type WandbTrackerOptions,
} from './tracker/index.js';
export type {
  Baseline,
  Cost,
  Estimates,
  FactorBaseline,
  FactorReading,
  Fingerprint,
  Gate,
  Images,
  Interval,
  LayerName,
  Matrix,
  Moment,
  Pooling,
  RidgeBaseline,
  RidgeReading,
  Reading,
  RunEvent,
  RunInfo,
  RunState,
  Score,
} from './types.js';
