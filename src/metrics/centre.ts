import type {Gram} from '../types.js';

/** Which estimator of HSIC a similarity rests on. */
export type Estimator = 'unbiased' | 'biased';

/** A centred Gram: HSIC of two Grams is the inner product of their centred forms, up to a factor of n alone. */
export interface Centred {
  /** Entries under the diagonal, row by row; those above it are the same. */
  readonly triangle: Float64Array;
  /** The diagonal; empty in the unbiased form, where it is 0. */
  readonly diagonal: Float64Array;
  /** Inner product with itself; exactly 0 for a Gram that holds no variation. */
  readonly energy: number;
}

/** Energy that centring leaves by rounding alone, as a share of the energy that went in. */
const ROUNDING = 1e-24;

/**
 * Centres a Gram once, so that each of the many pairs it takes part in costs one inner product.
 *
 * Biased: HKH, rows and columns with zero mean. Unbiased: U-centring (Székely & Rizzo 2014, definition 2), whose inner
 * product divided by n(n − 3) is the HSIC1 of Song et al. 2012, equation 5; it never sees the diagonal, and needs n ≥ 3.
 */
export function centred({n, data}: Gram, estimator: Estimator): Centred {
  const biased = estimator === 'biased';
  const means = new Float64Array(n);
  let before = 0;
  for (let i = 0; i < n; i++) {
    const row = i * n;
    let sum = 0;
    for (let j = 0; j < i; j++) {
      const value = data[row + j]!;
      sum += value;
      means[j]! += value;
      before += 2 * value * value;
    }
    means[i]! += sum;
    if (biased) {
      means[i]! += data[row + i]!;
      before += data[row + i]! ** 2;
    }
  }
  const total = means.reduce((sum, value) => sum + value, 0);
  const mean = total / (biased ? n * n : (n - 1) * (n - 2));
  for (let i = 0; i < n; i++) means[i]! /= biased ? n : n - 2;

  const triangle = new Float64Array((n * (n - 1)) / 2);
  for (let i = 0, place = 0; i < n; i++) {
    const shift = mean - means[i]!;
    const row = i * n;
    for (let j = 0; j < i; j++) triangle[place++] = data[row + j]! - means[j]! + shift;
  }
  const diagonal = new Float64Array(biased ? n : 0);
  for (let i = 0; i < diagonal.length; i++) diagonal[i] = data[i * n + i]! - 2 * means[i]! + mean;

  const energy = 2 * dot(triangle, triangle) + dot(diagonal, diagonal);
  return {triangle, diagonal, energy: energy <= ROUNDING * before ? 0 : energy};
}

/** Inner product of two centred Grams of the same images. */
export function inner(a: Centred, b: Centred): number {
  return 2 * dot(a.triangle, b.triangle) + dot(a.diagonal, b.diagonal);
}

/** Σ aₖbₖ. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}
