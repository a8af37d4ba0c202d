export {type ComparableRun, compareRuns, type Comparison, type LayerDifference} from './compare-runs.js';
export {fingerprintDifference} from './fingerprint-difference.js';
