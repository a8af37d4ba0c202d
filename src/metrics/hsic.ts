import {InvarianceError} from '../errors.js';
import type {Gram} from '../types.js';
import {centred, inner} from './centre.js';
import {checkPair, MIN_IMAGES} from './similarity.js';

/**
 * The biased estimator of the Hilbert–Schmidt independence criterion, tr(KHLH), without a factor of n
 * (Gretton et al. 2005, equation 9, times (n − 1)²).
 */
export function hsic0(K: Gram, L: Gram): number {
  checkPair(K, L);
  return inner(centred(K, 'biased'), centred(L, 'biased'));
}

/**
 * The unbiased estimator HSIC1 (Song et al. 2012, equation 5): its mean over samples is the population's HSIC, whatever
 * n. It may be negative.
 *
 * @throws InvarianceError `bad_option` with fewer than 4 images, for which it is not defined.
 */
export function hsic1(K: Gram, L: Gram): number {
  checkPair(K, L);
  if (K.n < MIN_IMAGES) {
    throw new InvarianceError('bad_option', `hsic1 of ${K.n} images is not defined; it needs ${MIN_IMAGES}`);
  }
  return inner(centred(K, 'unbiased'), centred(L, 'unbiased')) / (K.n * (K.n - 3));
}
