import {readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {
  cka,
  ckaOfFeatures,
  exactCka,
  gramOf,
  hsic0,
  hsic1,
  minibatchCka,
  type Estimator,
} from '../../src/metrics/index.js';
import {normalGram, rowsOf, sliceRows, valueOf} from './samples.js';

interface Case {
  name: string;
  X: number[][];
  Y: number[][];
  cka_biased: number;
  cka_unbiased: number;
  hsic0_xy: number;
  hsic1_xy: number;
  hsic1_xx: number;
  hsic1_yy: number;
}
const oracle: {
  cases: Case[];
  minibatch: {
    X: number[][];
    Y: number[][];
    splits: [number, number][];
    equal: number;
    uneven_splits: [number, number][];
    uneven: number;
    full_unbiased: number;
  };
  independent_gaussian_floor: {n: number; p: number; biased_mean: number}[];
} = JSON.parse(readFileSync('test/fixtures/cka.json', 'utf8'));

/** The same quantities by exact rational arithmetic (scripts/make-cka-exact.py). */
const exact: {cases: Omit<Case, 'X' | 'Y'>[]} = JSON.parse(
  readFileSync('test/fixtures/cka-exact.json', 'utf8'),
);
/** Its unbiased values were computed from uncentred Grams of size 1e8: they agree with exact arithmetic to 3e-3 only. */
const CANCELLED = 'large_mean_offset(float32 cancellation trap)';

/** To `tolerance` of the expected value's own size. */
function agrees(value: number, expected: number, tolerance = 1e-9) {
  expect(Math.abs(value - expected) / Math.max(1, Math.abs(expected))).toBeLessThan(tolerance);
}

describe.each(oracle.cases.map((expected, index) => ({...expected, truth: exact.cases[index]!})))(
  'on the matrices of the oracle, case $name',
  ({name, truth, ...expected}) => {
    const X = rowsOf(expected.X);
    const Y = rowsOf(expected.Y);
    const [K, L] = [gramOf(X), gramOf(Y)];
    const unbiasedTolerance = name === CANCELLED ? 3e-3 : 1e-9;

    it('HSIC agrees with the oracle and with exact arithmetic', () => {
      agrees(hsic0(K, L), expected.hsic0_xy);
      agrees(hsic1(K, L), expected.hsic1_xy, unbiasedTolerance);
      agrees(hsic1(K, K), expected.hsic1_xx, unbiasedTolerance);
      agrees(hsic1(L, L), expected.hsic1_yy, unbiasedTolerance);
      agrees(hsic0(K, L), truth.hsic0_xy);
      agrees(hsic1(K, L), truth.hsic1_xy);
      agrees(hsic1(K, K), truth.hsic1_xx);
      agrees(hsic1(L, L), truth.hsic1_yy);
    });

    it('CKA from Grams, from features and from exact minibatches agrees with both', () => {
      const stream = exactCka();
      stream.add(sliceRows(X, 0, 3), sliceRows(Y, 0, 3));
      stream.add(sliceRows(X, 3, X.count), sliceRows(Y, 3, Y.count));
      for (const similarity of [
        (estimator: Estimator) => cka(K, L, estimator),
        (estimator: Estimator) => ckaOfFeatures(X, Y, estimator),
        (estimator: Estimator) => stream.similarity(estimator),
      ]) {
        agrees(valueOf(similarity('biased')), expected.cka_biased);
        agrees(valueOf(similarity('unbiased')), expected.cka_unbiased, unbiasedTolerance);
        agrees(valueOf(similarity('biased')), truth.cka_biased);
        agrees(valueOf(similarity('unbiased')), truth.cka_unbiased);
      }
    });
  },
);

describe('the independent float64 oracle of minibatches', () => {
  const X = rowsOf(oracle.minibatch.X);
  const Y = rowsOf(oracle.minibatch.Y);
  const over = (splits: [number, number][]) => {
    const stream = minibatchCka();
    for (const [start, end] of splits) {
      stream.add(gramOf(sliceRows(X, start, end)), gramOf(sliceRows(Y, start, end)));
    }
    return valueOf(stream.similarity());
  };

  it('agrees on equal batches', () => agrees(over(oracle.minibatch.splits), oracle.minibatch.equal));
  it('agrees on unequal batches', () =>
    agrees(over(oracle.minibatch.uneven_splits), oracle.minibatch.uneven));
  it('agrees on one batch of all images', () => agrees(over([[0, X.count]]), oracle.minibatch.full_unbiased));
});

describe('independent layers', () => {
  it.each(oracle.independent_gaussian_floor.filter(({p}) => p <= 1024))(
    'n = $n, width $p: biased CKA rises to the floor that the oracle found, unbiased stays at 0',
    ({n, p, biased_mean}) => {
      const [K, L] = [normalGram(n, p, 1), normalGram(n, p, 2)];
      expect(valueOf(cka(K, L, 'biased'))).toBeCloseTo(biased_mean, 1);
      expect(Math.abs(valueOf(cka(K, L, 'unbiased')))).toBeLessThan(0.1);
    },
  );
});
