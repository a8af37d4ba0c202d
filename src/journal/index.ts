export {describeRun} from './describe-run.js';
export {type JournalRecord, parseLine, type RecordKind} from './journal-lines.js';
export {type Journal, openJournal} from './open-journal.js';
export {plain} from './plain.js';
export {
  listRuns,
  otherWriter,
  readRecords,
  readRun,
  readRunInfo,
  type RecordedRun,
  runFiles,
  type RunSummary,
  writerOf,
} from './read-run.js';
