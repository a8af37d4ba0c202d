export type {Engine, Parameter, Weights} from './contract.js';
