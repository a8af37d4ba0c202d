export {consoleTracker, type ConsoleTrackerOptions, readingLine} from './console.js';
export type {StartOptions, Tracker} from './contract.js';
export {createDispatcher, type Dispatcher} from './dispatcher.js';
export {layerSegments, metricKeys, scalarsOf} from './keys.js';
export {memoryTracker, type MemoryTracker} from './memory.js';
export {createNotices, type Notices} from './notices.js';
export type {ChartReading} from './wandb/content/charts.js';
export type {Picture, TableData} from './wandb/content/media.js';
export {type Exported, exportOfflineLog} from './wandb/offline/export-log.js';
export type {OwnRun} from './wandb/sdk-run.js';
export type {Pictures} from './wandb/content/rows.js';
export {
  type AlertRules,
  findApiKey,
  type FoundKey,
  resolveSettings,
  type WandbOptions,
  withoutRun,
} from './wandb/settings.js';
export {stateFile as wandbStateFile} from './wandb/delivery/state.js';
export {type Synced, syncForMs, type SyncOptions, syncRun} from './wandb/delivery/sync.js';
export {wandbTracker, type WandbTrackerOptions} from './wandb/tracker.js';
export {runUploader, type UploaderTask} from './wandb/delivery/uploader.js';
