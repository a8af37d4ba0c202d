export {InvarianceError, type ErrorCode} from './errors.js';
export {loadVit, saveVit, type LoadVitOptions, type Tf} from './engine/index.js';
export {
  monitorInvariance,
  wandbPictures,
  type CheckpointOptions,
  type Monitor,
  type MonitorOptions,
  type MonitorState,
} from './plugin/index.js';
export {
  consoleTracker,
  memoryTracker,
  wandbTracker,
  type Tracker,
  type WandbTrackerOptions,
} from './tracker/index.js';
export {readRun, type RecordedRun} from './journal/index.js';
export type * from './types.js';
