import {InvarianceError} from '../../errors.js';
import type {HfConfig} from '../weights/index.js';
import type {Family} from './spec.js';
import {vit} from './vit.js';

/** Every architecture that is known. docs/architectures.md has the same list, and a test compares them. */
export const families: readonly Family[] = [vit];

/** @throws InvarianceError `bad_model` for a `model_type` that is not known, with the list of those that are */
export function familyOf(config: HfConfig): Family {
  const type = config['model_type'];
  const family = families.find(({modelTypes}) => modelTypes.includes(String(type)));
  if (family) return family;
  const known = families.flatMap(({modelTypes}) => modelTypes).sort();
  throw new InvarianceError(
    'bad_model',
    `unknown model_type ${JSON.stringify(type ?? null)} in config.json; known are ${known.join(', ')}`,
  );
}
