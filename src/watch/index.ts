export {CHECKPOINTS, WATCH_DEFAULTS, type WatchOptions, type WatchSummary} from './options.js';
export {watchFolder} from './watch-folder.js';
