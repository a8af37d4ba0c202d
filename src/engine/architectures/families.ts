import {InvarianceError} from '../../errors.js';
import type {HfConfig} from '../../models/index.js';
import {beit} from './beit.js';
import {clip} from './clip.js';
import {deit} from './deit.js';
import {dinov2, dinov2WithRegisters} from './dinov2.js';
import {mae} from './mae.js';
import {siglip} from './siglip.js';
import type {Family} from './spec.js';
import {timm} from './timm.js';
import {vit} from './vit.js';

/** Every architecture that is known. docs/architectures.md has the same list, and a test compares them. */
export const families: readonly Family[] = [
  vit,
  deit,
  dinov2,
  dinov2WithRegisters,
  clip,
  siglip,
  beit,
  mae,
  timm,
];

/** @throws InvarianceError `bad_model` for a `model_type` that is not known, with the list of those that are */
export function familyOf(config: HfConfig): Family {
  // timm's own files name an architecture and no model_type.
  const type = config['model_type'] ?? (config['architecture'] ? 'timm_wrapper' : undefined);
  const family = families.find(({modelTypes}) => modelTypes.includes(type as string));
  if (family) return family;
  const known = families.flatMap(({modelTypes}) => modelTypes).sort();
  throw new InvarianceError(
    'bad_model',
    `unknown model_type ${JSON.stringify(type ?? null)} in config.json; known are ${known.join(', ')}`,
  );
}
