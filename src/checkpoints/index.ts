export {type Checkpoints, createCheckpoints, listCheckpoints, ownCheckpoints} from './checkpoints.js';
export {modelFiles, type ModelFiles} from './model-files.js';
export {loadOptimizer, optimizerFile, type OptimizerHeader} from './optimizer-file.js';
export {findResumePoint, type ResumePoint} from './resume-point.js';
export {linkModel, openSnapshots, type Snapshot, type Snapshots} from './snapshots.js';
export type {Cadence, Spending, TrainingState} from './training-state.js';
