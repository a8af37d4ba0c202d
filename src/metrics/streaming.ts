import {InvarianceError} from '../errors.js';
import {energyOf, isRounding, type FeatureRows} from '../rounding.js';
import type {Gram} from '../types.js';
import {dot, type Estimator} from './centre.js';
import {hsic1} from './hsic.js';
import {checkPair, CONSTANT, cosine, MIN_IMAGES, TOO_FEW, withheld, type Similarity} from './similarity.js';

/** Collects the Grams of minibatches and estimates the unbiased CKA of all images. */
export interface MinibatchCka {
  /**
   * Takes the Grams of one batch, (m, m) each.
   *
   * @throws InvarianceError `bad_option` for a batch of fewer than 4 images: HSIC1 is not defined on it.
   */
  add(K: Gram, L: Gram): void;
  /** Of all batches so far. */
  similarity(): Similarity;
}

/**
 * Minibatch CKA (Nguyen et al. 2021, equation 3): the three HSIC1 are averaged over batches, then divided. Memory does
 * not grow with images, widths or batches.
 *
 * Each batch enters by its own unbiased estimate, that is, divided by its own n(n − 3), so unequal batches all estimate
 * one quantity; sums of undivided products would weigh a batch by the square of its size. With one batch this is `cka`.
 * With several it estimates the same population value by another number; for the number itself take {@link exactCka}.
 *
 * @example
 * import {gramOf, minibatchCka, type FeatureRows} from 'wandb-invariance/metrics';
 *
 * declare const batches: {before: FeatureRows; after: FeatureRows}[]; // at least 4 images each
 * const collected = minibatchCka();
 * for (const {before, after} of batches) collected.add(gramOf(before), gramOf(after));
 * console.log(collected.similarity());
 */
export function minibatchCka(): MinibatchCka {
  let between = 0;
  let ofFirst = 0;
  let ofSecond = 0;
  let isEmpty = true;
  return {
    add(K, L) {
      checkPair(K, L);
      between += hsic1(K, L);
      ofFirst += hsic1(K, K);
      ofSecond += hsic1(L, L);
      isEmpty = false;
    },
    similarity: () => (isEmpty ? withheld(TOO_FEW) : cosine(between, ofFirst, ofSecond)),
  };
}

/** Collects the features of minibatches and gives the CKA of all images together. */
export interface ExactCka {
  /**
   * Takes the features of one batch, (m, p) and (m, q), of any m.
   *
   * @throws InvarianceError `bad_option` where the two differ in images, or a width from that of the batches before.
   */
  add(a: FeatureRows, b: FeatureRows): void;
  /** Of all images so far; withheld with fewer than 4, or where a layer is constant over them or not finite. */
  similarity(estimator: Estimator): Similarity;
}

/**
 * The CKA of all images at once, from minibatches of any sizes: the number `cka` gives on their whole Grams. It keeps
 * sums over images of products of columns, p² + q² + pq numbers however many images come; for few images of many columns
 * (flattened tokens) take whole Grams instead.
 *
 * @example
 * import {exactCka, type FeatureRows} from 'wandb-invariance/metrics';
 *
 * declare const batches: {before: FeatureRows; after: FeatureRows}[];
 * const collected = exactCka();
 * for (const {before, after} of batches) collected.add(before, after);
 * console.log(collected.similarity('unbiased'));
 */
export function exactCka(): ExactCka {
  let sums: Sums | undefined;
  return {
    add(a, b) {
      if (a.count !== b.count) {
        throw new InvarianceError(
          'bad_option',
          `features of ${a.count} and ${b.count} images are not paired`,
        );
      }
      sums ??= {
        first: new Side(a),
        second: new Side(b),
        between: new PairSums(a.width, b.width),
        ofFirst: new PairSums(a.width, a.width),
        ofSecond: new PairSums(b.width, b.width),
      };
      for (let i = 0; i < a.count; i++) {
        const x = sums.first.row(a, i);
        const y = sums.second.row(b, i);
        sums.between.add(x, y);
        sums.ofFirst.add(x, x);
        sums.ofSecond.add(y, y);
      }
    },
    similarity(estimator) {
      if (sums === undefined || sums.between.count < MIN_IMAGES) return withheld(TOO_FEW);
      if (sums.first.isConstant() || sums.second.isConstant()) return withheld(CONSTANT);
      const {between, ofFirst, ofSecond} = sums;
      return cosine(between.hsic(estimator), ofFirst.hsic(estimator), ofSecond.hsic(estimator));
    },
  };
}

/** What is kept of both layers' streams. */
interface Sums {
  first: Side;
  second: Side;
  between: PairSums;
  ofFirst: PairSums;
  ofSecond: PairSums;
}

/** One layer's stream of images, taken about its first image: HSIC ignores a shift, and a large mean would cancel. */
class Side {
  private readonly origin: Float64Array;
  private raw = 0;
  private shifted = 0;

  constructor(private readonly rows: FeatureRows) {
    this.origin = Float64Array.from(rows.data.subarray(0, rows.width));
  }

  row({width, data}: FeatureRows, i: number): Float64Array {
    if (width !== this.origin.length) {
      throw new InvarianceError('bad_option', `features of width ${width} after width ${this.origin.length}`);
    }
    const values = data.subarray(i * width, (i + 1) * width);
    const row = this.origin.map((value, k) => values[k]! - value);
    this.raw += energyOf(values);
    this.shifted += energyOf(row);
    return row;
  }

  isConstant(): boolean {
    return isRounding(this.shifted, this.raw, this.rows.data);
  }
}

/** What HSIC of two feature matrices needs of their images, whose Grams are K = XXᵀ and L = YYᵀ. */
class PairSums {
  count = 0;
  /** XᵀY, (p, q). */
  private readonly product: Float64Array;
  private readonly sumX: Float64Array;
  private readonly sumY: Float64Array;
  /** Σ Lᵢᵢ xᵢ and Σ Kᵢᵢ yᵢ. */
  private readonly weightedX: Float64Array;
  private readonly weightedY: Float64Array;
  private traceK = 0;
  private traceL = 0;
  private traces = 0;

  constructor(
    private readonly p: number,
    private readonly q: number,
  ) {
    this.product = new Float64Array(p * q);
    this.sumX = new Float64Array(p);
    this.sumY = new Float64Array(q);
    this.weightedX = new Float64Array(p);
    this.weightedY = new Float64Array(q);
  }

  add(x: Float64Array, y: Float64Array): void {
    const kii = dot(x, x);
    const lii = dot(y, y);
    this.count++;
    this.traceK += kii;
    this.traceL += lii;
    this.traces += kii * lii;
    for (let c = 0; c < this.p; c++) {
      const value = x[c]!;
      this.sumX[c]! += value;
      this.weightedX[c]! += lii * value;
      for (let d = 0; d < this.q; d++) this.product[c * this.q + d]! += value * y[d]!;
    }
    for (let d = 0; d < this.q; d++) {
      this.sumY[d]! += y[d]!;
      this.weightedY[d]! += kii * y[d]!;
    }
  }

  /** HSIC, up to a factor of n that cancels in CKA. */
  hsic(estimator: Estimator): number {
    const {count: n, product, sumX, sumY} = this;
    const squared = dot(product, product);
    const acrossSums = this.acrossSums();
    if (estimator === 'biased') {
      return squared - (2 / n) * acrossSums + (dot(sumX, sumX) * dot(sumY, sumY)) / n ** 2;
    }
    // Song et al. 2012, equation 5, with every sum over the zero-diagonal Grams written as a sum over images.
    const trace = squared - this.traces;
    const sums = (dot(sumX, sumX) - this.traceK) * (dot(sumY, sumY) - this.traceL);
    const rows = acrossSums - dot(sumX, this.weightedX) - dot(sumY, this.weightedY) + this.traces;
    return trace + sums / ((n - 1) * (n - 2)) - (2 / (n - 2)) * rows;
  }

  /** (Σx)ᵀ XᵀY (Σy) = 1ᵀKL1. */
  private acrossSums(): number {
    let sum = 0;
    for (let c = 0; c < this.p; c++) {
      sum += this.sumX[c]! * dot(this.product.subarray(c * this.q, (c + 1) * this.q), this.sumY);
    }
    return sum;
  }
}
