export {defaultCacheFolder} from './cache-folder.js';
export {type CacheEntry, type InversionCache, openInversionCache} from './cache.js';
export {invertLayer} from './invert-layer.js';
export {fingerprintOf, hashText, hashWeights, type InversionInputs, inversionKeys} from './keys.js';
export {inversionOptions, type InversionOptions, PRESETS} from './options.js';
export {drawSeeds} from './seeds.js';
