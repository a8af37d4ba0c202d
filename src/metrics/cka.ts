import {InvarianceError} from '../errors.js';
import type {FeatureRows} from '../rounding.js';
import type {Estimates, Gram, Matrix} from '../types.js';
import type {Estimator} from './centre.js';
import {gramOf} from './gram.js';
import {checkPair, prepare, similarityOf, type Similarity} from './similarity.js';

/**
 * Linear CKA of two layers on the same images (Kornblith et al. 2019), from their Grams.
 *
 * `unbiased` rests on HSIC1 (Nguyen et al. 2021) and is 0 on average for independent layers; `biased` rests on HSIC0, is
 * in [0, 1], and is far above 0 for independent layers wherever features are wider than images are many.
 *
 * @param K Gram of the one layer, (n, n).
 * @param L Gram of the other on the same images, (n, n).
 * @param estimator of HSIC; 'unbiased' is the primary one everywhere here.
 * @returns withheld with fewer than 4 images, or where a layer is constant over them or not finite.
 * @throws InvarianceError `bad_option` where the Grams are not of the same number of images.
 * @example
 * import {cka, gramOf, type FeatureRows} from 'wandb-invariance/metrics';
 *
 * declare const before: FeatureRows, after: FeatureRows; // (n, p) and (n, q), the same n images
 * const similarity = cka(gramOf(before), gramOf(after), 'unbiased');
 * console.log(similarity.status === 'scored' ? similarity.value : similarity.reason);
 */
export function cka(K: Gram, L: Gram, estimator: Estimator): Similarity {
  checkPair(K, L);
  return similarityOf(prepare(K, estimator), prepare(L, estimator));
}

/**
 * Linear CKA of two layers' features: `cka` of their Grams. Costs n²(p + q)/2 multiplications.
 *
 * @param a (n, p).
 * @param b (n, q), of the same images.
 * @param estimator of HSIC.
 * @returns withheld as by `cka`.
 * @throws InvarianceError `bad_option` where the features are of different images or do not fill their shape.
 * @example
 * import {ckaOfFeatures} from 'wandb-invariance/metrics';
 *
 * const a = {count: 4, width: 1, data: Float64Array.of(1, 2, 3, 5)};
 * const b = {count: 4, width: 1, data: Float64Array.of(2, 4, 6, 10)};
 * console.log(ckaOfFeatures(a, b, 'unbiased')); // {status: 'scored', value: 1}
 */
export function ckaOfFeatures(a: FeatureRows, b: FeatureRows, estimator: Estimator): Similarity {
  return cka(gramOf(a), gramOf(b), estimator);
}

/** One row of two matrices of similarities, each entry null where it is withheld. */
export interface EstimatesRow {
  /** By HSIC1; may be slightly below 0. */
  unbiased: (number | null)[];
  /** By HSIC0; in [0, 1]. */
  biased: (number | null)[];
}

/** Entry j is c(a_j, b_j): two lists of Grams, paired. */
export function similarityRow(a: readonly Gram[], b: readonly Gram[]): EstimatesRow {
  if (a.length !== b.length) {
    throw new InvarianceError('bad_option', `${a.length} grams cannot be paired with ${b.length}`);
  }
  const row = (estimator: Estimator) => a.map((gram, j) => plain(cka(gram, b[j]!, estimator)));
  return {unbiased: row('unbiased'), biased: row('biased')};
}

/**
 * Linear CKA of every layer of one list with every layer of another: entry [i, j] is c(rows_i, columns_j), null where it is
 * withheld. Each Gram is centred once, so a pair costs n² multiplications an estimator.
 *
 * @param rows Grams of r layers, (n, n) each.
 * @param columns Grams of c layers on the same images.
 * @returns two matrices (r, c).
 * @throws InvarianceError `bad_option` where the Grams are not all of the same number of images.
 * @example
 * import {gramOf, similarityMatrix, type FeatureRows} from 'wandb-invariance/metrics';
 *
 * declare const pretrained: FeatureRows[], finetuned: FeatureRows[]; // a layer each, on the same images
 * const {unbiased} = similarityMatrix(pretrained.map(gramOf), finetuned.map(gramOf));
 */
export function similarityMatrix(rows: readonly Gram[], columns: readonly Gram[]): Estimates {
  for (const gram of [...rows, ...columns]) checkPair(rows[0]!, gram);
  const matrix = (estimator: Estimator): Matrix => {
    const prepared = columns.map(gram => prepare(gram, estimator));
    return rows.map(gram => {
      const row = prepare(gram, estimator);
      return prepared.map(column => plain(similarityOf(row, column)));
    });
  };
  return {unbiased: matrix('unbiased'), biased: matrix('biased')};
}

function plain(similarity: Similarity): number | null {
  return similarity.status === 'scored' ? similarity.value : null;
}
