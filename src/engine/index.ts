export type {Engine, Parameter, Weights} from './contract.js';
export {readWeights} from './architectures/read-weights.js';
export {openOrtEngine, ORT_DEFAULTS, type OrtEngineOptions} from './ort/open-ort-engine.js';
export type {OrtEngine} from './ort/ort-engine.js';
export type {Device, Library} from './ort/runtime.js';
export * from './weights/index.js';
export * from './tfjs/index.js';
export {selectLayers, type LayerSelection} from './select-layers.js';
