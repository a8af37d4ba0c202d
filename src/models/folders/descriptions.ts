import {ADAPTER_CONFIG} from '../adapters/named-adapters.js';
import {TRAINER_STATE} from './trainer-state.js';

/** What of a checkpoint's folder is read besides its weights. */
export const DESCRIPTIONS: readonly string[] = [
  'config.json',
  'preprocessor_config.json',
  'processor_config.json',
  ADAPTER_CONFIG,
  TRAINER_STATE,
];
