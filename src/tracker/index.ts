export {consoleTracker, readingLine, type TextStream} from './console.js';
export type {StartOptions, Tracker} from './contract.js';
export type {JournalRecord} from './journal-lines.js';
export {openJournal, type Journal, type JournalOptions} from './journal.js';
export {epochKey, layerSegments, metricKeys, scalarsOf, stepKey, type MetricKey} from './keys.js';
export {memoryTracker, type MemoryTracker} from './memory.js';
export {
  listRuns,
  otherWriter,
  readRecords,
  readRun,
  readRunInfo,
  runFiles,
  type RecordedRun,
  type RunSummary,
} from './read-run.js';
export type {ChartReading} from './wandb/charts.js';
export type {Picture} from './wandb/media.js';
export {exportOfflineLog, type Exported, type ExportOptions} from './wandb/offline-log.js';
export type {OwnRun} from './wandb/own-run.js';
export type {Pictures} from './wandb/rows.js';
export {
  findApiKey,
  resolveSettings,
  runsFolder,
  withoutRun,
  type AlertRules,
  type FoundKey,
  type WandbOptions,
} from './wandb/settings.js';
export {stateFile as wandbStateFile} from './wandb/state.js';
export {wandbTracker, type WandbTrackerOptions} from './wandb/tracker.js';
export {runUploader, type UploaderTask} from './wandb/uploader.js';
export {syncForMs, syncRun, type Synced, type SyncOptions} from './wandb/sync.js';
