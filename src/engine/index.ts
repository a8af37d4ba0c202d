export type {Engine, Parameter, Weights} from './contract.js';
export * from './weights/index.js';
export * from './tfjs/index.js';
