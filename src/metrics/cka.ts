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
 * @example
 * const similarity = cka(gramOf(before), gramOf(after), 'unbiased');
 * if (similarity.status === 'scored') console.log(similarity.value);
 */
export function cka(K: Gram, L: Gram, estimator: Estimator): Similarity {
  checkPair(K, L);
  return similarityOf(prepare(K, estimator), prepare(L, estimator));
}

/** Linear CKA of two layers' features, (n, p) and (n, q). Costs n²(p + q)/2 multiplications. */
export function ckaOfFeatures(a: FeatureRows, b: FeatureRows, estimator: Estimator): Similarity {
  return cka(gramOf(a), gramOf(b), estimator);
}

/** One row of two matrices of similarities, each entry null where it is withheld. */
export interface EstimatesRow {
  unbiased: (number | null)[];
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

/** Entry [i, j] is c(rows_i, columns_j). Each Gram is centred once, so a pair costs n² multiplications an estimator. */
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
