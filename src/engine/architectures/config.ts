import {InvarianceError} from '../../errors.js';
import type {HfConfig} from '../../models/index.js';
import type {Activation} from './spec.js';

/** A number of `config.json`, or what the configuration class has by default. */
export function numberOf(config: HfConfig, key: string, otherwise: number): number {
  const value = config[key] ?? otherwise;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw badConfig(key, value, 'expected a number');
}

/** Height and width, from one number or a pair. */
export function sizeOf(config: HfConfig, key: string, otherwise: number): {height: number; width: number} {
  const value = config[key] ?? otherwise;
  if (!Array.isArray(value)) {
    const side = numberOf(config, key, otherwise);
    return {height: side, width: side};
  }
  const [height, width] = value as unknown[];
  if (value.length === 2 && typeof height === 'number' && typeof width === 'number') return {height, width};
  throw badConfig(key, value, 'expected a number or a pair of numbers');
}

/** A nested object; empty where there is none. */
export function objectOf(config: HfConfig, key: string): HfConfig {
  const value = config[key];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as HfConfig) : {};
}

/** The side of a patch, which has to be square. */
export function patchOf(config: HfConfig, otherwise: number): number {
  const {height, width} = sizeOf(config, 'patch_size', otherwise);
  if (height === width) return height;
  throw badConfig('patch_size', config['patch_size'], 'only square patches are known');
}

const activations: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_new: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
  silu: 'silu',
  swish: 'silu',
  relu: 'relu',
};

export function activationOf(config: HfConfig, otherwise: string): Activation {
  const value = config['hidden_act'] ?? otherwise;
  const activation = activations[value as string];
  if (activation) return activation;
  throw badConfig('hidden_act', value, `known are ${Object.keys(activations).join(', ')}`);
}

function badConfig(key: string, value: unknown, remedy: string): InvarianceError {
  return new InvarianceError('bad_model', `config.json has ${key} ${JSON.stringify(value)}; ${remedy}`);
}
