export {createMeasurer, type Measurer, type MeasurerOptions} from './measurer.js';
export {startMeasuring, type Measuring} from './measuring.js';
export type {MeasuringInfo, MeasuringSpec, ReadRequest} from './messages.js';
export {loadProbes, loadSeeds, MIN_PROBES, PROBES_MAX, type ProbeSource} from './probes.js';
export type {OnProgress, Progress} from './progress.js';
export {WATCH_DEFAULTS, type WatchOptions, type WatchSummary} from './watch/options.js';
export {watchFolder} from './watch/watch-folder.js';
