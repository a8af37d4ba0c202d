export {monitorInvariance} from './monitor-invariance.js';
export type {Monitor, MonitorState} from './monitor.js';
export type {CheckpointOptions, MonitorOptions} from './options.js';
export {wandbPictures} from './wandb-pictures.js';
