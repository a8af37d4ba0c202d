import {InvarianceError} from '../errors.js';
import type {Gram} from '../types.js';
import {centred, inner, type Centred, type Estimator} from './centre.js';

/** The unbiased estimator is not defined below this many images; we report neither estimator there. */
export const MIN_IMAGES = 4;

export const TOO_FEW = `fewer than ${MIN_IMAGES} images`;
const NOT_FINITE = 'the layer is not finite';
export const CONSTANT = 'the layer is constant over the images';

/** A similarity, or the reason why there is none. Never NaN. */
export type Similarity = {status: 'scored'; value: number} | {status: 'withheld'; reason: string};

/** A layer's centred Gram, or the reason why no similarity with it can be given. */
export type Prepared = {status: 'ready'; centred: Centred} | {status: 'withheld'; reason: string};

/** Centres a Gram and says whether it can be compared at all. */
export function prepare(gram: Gram, estimator: Estimator): Prepared {
  if (gram.n < MIN_IMAGES) return withheld(TOO_FEW);
  const form = centred(gram, estimator);
  if (!Number.isFinite(form.energy)) return withheld(NOT_FINITE);
  return {status: 'ready', centred: form};
}

/** CKA of two prepared Grams. */
export function similarityOf(a: Prepared, b: Prepared): Similarity {
  if (a.status === 'withheld') return a;
  if (b.status === 'withheld') return b;
  return cosine(inner(a.centred, b.centred), a.centred.energy, b.centred.energy);
}

/** between / √(ofFirst · ofSecond), within [−1, 1] (Cauchy–Schwarz; rounding may overshoot by 1e-16). */
export function cosine(between: number, ofFirst: number, ofSecond: number): Similarity {
  // Written so that equal energies cancel exactly: c(X, X) is 1 to the bit.
  const value = (between / ofFirst) * Math.sqrt(ofFirst / ofSecond);
  if (Number.isNaN(ofFirst + ofSecond)) return withheld(NOT_FINITE);
  if (ofFirst <= 0 || ofSecond <= 0) return withheld(CONSTANT);
  if (!Number.isFinite(value)) return withheld(NOT_FINITE);
  return {status: 'scored', value: Math.min(1, Math.max(-1, value))};
}

/** @throws InvarianceError `bad_option` where two Grams cannot be of the same images. */
export function checkPair(K: Gram, L: Gram): void {
  if (K.n !== L.n) {
    throw new InvarianceError('bad_option', `grams of ${K.n} and ${L.n} images are not of the same images`);
  }
}

/** A result that says why it is none. */
export function withheld(reason: string): {status: 'withheld'; reason: string} {
  return {status: 'withheld', reason};
}
