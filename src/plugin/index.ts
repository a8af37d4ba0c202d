export type {Shares} from './budget.js';
export type {CadenceText} from './cadence.js';
export type {TrainingCallback} from './callback.js';
export type {Logs} from './logged-values.js';
export {monitorInvariance} from './monitor-invariance.js';
export type {Monitor, MonitorState} from './monitor.js';
export type {CheckpointOptions, MonitorOptions} from './options.js';
export {wandbPictures} from './wandb-pictures.js';
