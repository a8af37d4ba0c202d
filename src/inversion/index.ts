export {defaultCacheFolder} from './cache-folder.js';
export {type CacheEntry, type InversionCache, openInversionCache} from './cache.js';
export type {Inverted} from './descent.js';
export {invertLayer} from './invert-layer.js';
export {fingerprintOf, hashText, hashWeights, type InversionInputs, inversionKeys} from './keys.js';
export {
  type FastOptions,
  inversionOptions,
  type InversionOptions,
  PRESETS,
  type StirOptions,
} from './options.js';
export {drawSeeds} from './seeds.js';
