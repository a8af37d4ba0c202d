export {loadProbes, loadSeeds, MIN_PROBES} from './load-probes.js';
export {type MonitorProbes, withoutTensors} from './tensor-probes.js';
