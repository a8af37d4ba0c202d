import type {Fingerprint} from '../types.js';

const reasons = {
  pretrained: 'they started from different pretrained weights',
  probes: 'they were measured on different probe images',
  seeds: 'their inversions started from different seeds',
  layers: 'they measured different layers',
  pooling: 'they pooled tokens differently',
  inversion: 'their inversions were made with different options',
  floor: 'their floors are of different untrained networks',
} as const;

/**
 * Why two runs may not be compared and what to do, in words, or null where they may: retention rises with the quality of the
 * inversion and depends on the probes, so numbers mean the same only within one fingerprint.
 */
export function fingerprintDifference(a: Fingerprint, b: Fingerprint): string | null {
  if (a.id === b.id) return null;
  const differs = (part: keyof typeof reasons) => JSON.stringify(a[part]) !== JSON.stringify(b[part]);
  // Weights are hashed as far as layers are measured: other layers tell nothing of the pretrained model.
  const differing = (Object.keys(reasons) as (keyof typeof reasons)[]).filter(
    part => differs(part) && !(part === 'pretrained' && differs('layers')),
  );
  const words =
    differing.map(part => `${reasons[part]} (${shown(a[part])} against ${shown(b[part])})`).join('; ') ||
    `their fingerprints differ (${a.id} against ${b.id})`;
  return differing.join() === 'floor'
    ? `${words}. measure the older again: inversions are cached, so this takes forward passes only`
    : `${words}. measure both with the same settings`;
}

function shown(part: Fingerprint[keyof Fingerprint]): string {
  const text = typeof part === 'string' ? part : JSON.stringify(part);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
