import type {Gram, Interval} from '../types.js';
import {cka} from './cka.js';
import {ckaOfHalves, HALF_SAMPLES, halfSamples, halfSums, intervalOfHalves} from './halves.js';
import {checkPair} from './similarity.js';

/** How an interval is drawn. */
export interface BootstrapOptions {
  /** Half-samples drawn. Default 200. */
  samples?: number;
  /** Seed of the draws. Default 0. The same seed draws the same images for every layer, so that layers compare. */
  seed?: number;
}

/** Every default of an interval. */
export const BOOTSTRAP_DEFAULTS: Required<BootstrapOptions> = {samples: HALF_SAMPLES, seed: 0};

/**
 * 95 % interval of the unbiased CKA over probe images, from the Grams alone.
 *
 * The classical bootstrap draws with replacement; its duplicates are pairs of perfectly alike images, which inflate the
 * unbiased estimator. So half-samples *without* replacement are drawn (the delete-half jackknife, Shao & Wu 1989): with
 * m = n/2 the finite-population factor 1/m − 1/n is 1/n, so their spread around the full value is already the spread of
 * the full value around the population's, for any statistic that is linear to first order. The interval runs between the
 * 2.5 % and 97.5 % quantiles of the half-samples, and always holds the full value.
 *
 * @param K Gram of the one layer, (n, n).
 * @param L Gram of the other on the same images, (n, n).
 * @param options number of half-samples and their seed.
 * @returns null with fewer than 8 images, or where CKA is withheld.
 * @throws InvarianceError `bad_option` where the Grams are not of the same number of images.
 * @example
 * import {bootstrapCka, gramOf, type FeatureRows} from 'wandb-invariance/metrics';
 *
 * declare const before: FeatureRows, after: FeatureRows; // (n, p) and (n, q), the same n images
 * const interval = bootstrapCka(gramOf(before), gramOf(after));
 * if (interval !== null) console.log(`${interval.low} to ${interval.high}`);
 */
export function bootstrapCka(K: Gram, L: Gram, options: BootstrapOptions = {}): Interval | null {
  checkPair(K, L);
  const whole = cka(K, L, 'unbiased');
  if (whole.status === 'withheld') return null;
  const halves = halfSamples(K.n, {...BOOTSTRAP_DEFAULTS, ...options});
  const sampled = ckaOfHalves(halfSums(K, halves), halfSums(L, halves));
  return sampled && intervalOfHalves(whole.value, sampled);
}
