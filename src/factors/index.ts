export {DEFAULT_FACTORS, type Factor, FACTORS} from './factors.js';
export {type FactorSelection, selectFactors} from './select-factors.js';
export {factorTable} from './table.js';
export {transform} from './transform.js';
export {factorSentences, factorWords} from './sentences.js';
