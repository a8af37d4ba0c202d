export {compareRuns, type ComparableRun, type Comparison, type LayerDifference} from './compare-runs.js';
export {fingerprintDifference} from './fingerprint-difference.js';
