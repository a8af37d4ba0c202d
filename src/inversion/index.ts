export {openInversionCache, type CacheEntry, type InversionCache} from './cache.js';
export {defaultCacheFolder} from './cache-folder.js';
export {pickImages} from './images.js';
export type {Inverted} from './descent.js';
export {invertLayer} from './invert-layer.js';
export {fingerprintOf, hashText, hashWeights, inversionKeys, type InversionInputs} from './keys.js';
export {
  inversionOptions,
  PRESETS,
  type FastOptions,
  type InversionOptions,
  type StirOptions,
} from './options.js';
export {drawSeeds} from './seeds.js';
