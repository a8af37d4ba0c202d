import {InvarianceError} from '../errors.js';
import type {Gram} from '../types.js';
import {centred, inner} from './centre.js';
import {checkPair, MIN_IMAGES} from './similarity.js';

/**
 * The biased estimator of the Hilbert–Schmidt independence criterion, tr(KHLH), without a factor of n
 * (Gretton et al. 2005, equation 9, times (n − 1)²).
 *
 * @param K (n, n).
 * @param L (n, n), of the same images.
 * @throws InvarianceError `bad_option` where the Grams are not of the same number of images.
 * @example
 * import {gramOf, hsic0, type FeatureRows} from 'wandb-invariance/metrics';
 *
 * declare const a: FeatureRows, b: FeatureRows; // (n, p) and (n, q), the same n images
 * console.log(hsic0(gramOf(a), gramOf(b)));
 */
export function hsic0(K: Gram, L: Gram): number {
  checkPair(K, L);
  return inner(centred(K, 'biased'), centred(L, 'biased'));
}

/**
 * The unbiased estimator HSIC1 (Song et al. 2012, equation 5): its mean over samples is the population's HSIC, whatever
 * n. It may be negative.
 *
 * @param K (n, n).
 * @param L (n, n), of the same images.
 * @throws InvarianceError `bad_option` with fewer than 4 images, for which it is not defined, or where the Grams are not of
 *   the same number of images.
 * @example
 * import {gramOf, hsic1, type FeatureRows} from 'wandb-invariance/metrics';
 *
 * declare const a: FeatureRows, b: FeatureRows; // (n, p) and (n, q), the same n images
 * console.log(hsic1(gramOf(a), gramOf(b)));
 */
export function hsic1(K: Gram, L: Gram): number {
  checkPair(K, L);
  if (K.n < MIN_IMAGES) {
    throw new InvarianceError('bad_option', `hsic1 of ${K.n} images is not defined; it needs ${MIN_IMAGES}`);
  }
  return inner(centred(K, 'unbiased'), centred(L, 'unbiased')) / (K.n * (K.n - 3));
}
