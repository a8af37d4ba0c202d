export {consoleTracker, readingLine} from './console.js';
export type {StartOptions, Tracker} from './contract.js';
export {createDispatcher, type Dispatcher} from './dispatcher.js';
export {epochKey, layerSegments, type MetricKey, metricKeys, scalarsOf, stepKey} from './keys.js';
export {memoryTracker, type MemoryTracker} from './memory.js';
export {createNotices, type Notices} from './notices.js';
export type {ChartReading} from './wandb/charts.js';
export type {Picture} from './wandb/media.js';
export {type Exported, exportOfflineLog, type ExportOptions} from './wandb/offline-log.js';
export type {OwnRun} from './wandb/own-run.js';
export type {Pictures} from './wandb/rows.js';
export {
  type AlertRules,
  findApiKey,
  type FoundKey,
  resolveSettings,
  type WandbOptions,
  withoutRun,
} from './wandb/settings.js';
export {stateFile as wandbStateFile} from './wandb/state.js';
export {type Synced, syncForMs, type SyncOptions, syncRun} from './wandb/sync.js';
export {wandbTracker, type WandbTrackerOptions} from './wandb/tracker.js';
export {runUploader, type UploaderTask} from './wandb/uploader.js';
