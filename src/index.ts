export {InvarianceError, type ErrorCode} from './errors.js';
export {loadVit, saveVit, type LoadVitOptions, type Tf} from './engine/index.js';
export {
  monitorInvariance,
  type CheckpointOptions,
  type Monitor,
  type MonitorOptions,
  type MonitorState,
} from './plugin/index.js';
export {consoleTracker, memoryTracker, readRun, type RecordedRun, type Tracker} from './tracker/index.js';
export type * from './types.js';
