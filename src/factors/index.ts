export {DEFAULT_FACTORS, type Factor, FACTORS} from './factors.js';
export {type FactorSelection, selectFactors} from './select-factors.js';
export {transform} from './transform.js';
export {factorSentences, factorWords} from './sentences.js';
