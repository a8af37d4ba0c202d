export {consoleTracker, type TextStream} from './console.js';
export type {Tracker} from './contract.js';
export type {JournalRecord} from './journal-lines.js';
export {openJournal, type Journal, type JournalOptions} from './journal.js';
export {epochKey, layerSegments, metricKeys, scalarsOf, stepKey, type MetricKey} from './keys.js';
export {memoryTracker, type MemoryTracker} from './memory.js';
export {listRuns, readRecords, readRun, runFiles, type RecordedRun, type RunSummary} from './read-run.js';
