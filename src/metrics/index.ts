export * from './public.js';
export {accuracyChange} from './accuracy-change.js';
export {similarityRow} from './cka.js';
export {flowWeights} from './flow.js';
export {notConverged} from './gate.js';
export {inversionAdvice, nothingScored} from './nothing-scored.js';
export {selectImages} from './gram.js';
export {difference} from './retention.js';
export {holm, pairedDifference, pairedTest} from './paired.js';
export {withheldBy} from './score.js';
export {withheld} from './similarity.js';
export {
  ckaOfHalves,
  halfSums,
  HALF_SAMPLES,
  halfSamples,
  type Halves,
  intervalOfHalves,
  packHalves,
  unpackHalves,
} from './halves.js';
export {type Invariance, invarianceChange, invariances} from './invariance.js';
