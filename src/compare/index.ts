export {
  type ComparableRun,
  compareRuns,
  type Comparison,
  type LayerDifference,
  type ValueDifference,
} from './compare-runs.js';
export {fingerprintDifference} from './fingerprint-difference.js';
