import type {Gram, Score} from '../types.js';
import {cka} from './cka.js';
import {selectImages} from './gram.js';
import {ckaOfHalves, differenceOfHalves, halfSums, intervalOfHalves, type Halves} from './halves.js';
import {CONSTANT, TOO_FEW, withheld, MIN_IMAGES} from './similarity.js';

/** Squared distances from float32 Grams are not known better than this share of the squared norms. */
const RESOLUTION = 1e-6;

/** How alike a layer represents images and their transforms. */
export interface Invariance {
  /** I = c(f(X), f(T X)), unbiased. */
  value: number | null;
  /** mean ‖f(x) − f(T x)‖ over the mean ‖f(x) − f(x')‖ of all pairs of images. */
  ratio: number | null;
  /** The value on each half-sample of the images. */
  halves: Halves;
}

const NONE: Invariance = {value: null, ratio: null, halves: null};

/**
 * The invariance of a layer to transformations T1, T2, … of n images, from the Gram of X, T1 X, T2 X, … in one: CKA does not
 * care where that was centred, and distances stand in it too.
 *
 * @param joint (m n, m n), the untransformed images first.
 * @param halves places of the images of each half-sample.
 * @returns one a transformation; nulls where the layer is constant over the images or not finite.
 */
export function invariances(joint: Gram, n: number, halves: readonly Uint32Array[]): Invariance[] {
  const own = blockOf(joint, 0, n);
  const spread = meanDistance(own);
  const ownSums = halfSums(own, halves);
  return Array.from({length: joint.n / n - 1}, (_, t) => {
    const start = (t + 1) * n;
    const other = blockOf(joint, start, n);
    const similarity = cka(own, other, 'unbiased');
    if (spread === null || meanDistance(other) === null || similarity.status === 'withheld') return NONE;
    let moved = 0;
    for (let k = 0; k < n; k++) moved += Math.sqrt(squaredDistance(joint, k, start + k)) / n;
    return {
      value: similarity.value,
      ratio: moved / spread,
      halves: ckaOfHalves(ownSums, halfSums(other, halves)),
    };
  });
}

/**
 * I_t − I_0 with its 95 % interval over the images, drawn together for both: 0 to the bit where nothing changed.
 */
export function invarianceChange(
  now: Omit<Invariance, 'ratio'>,
  before: Omit<Invariance, 'ratio'>,
  count: number,
): Score {
  if (count < MIN_IMAGES) return withheld(TOO_FEW);
  if (before.value === null) return withheld(`${CONSTANT} in the pretrained model, or not finite`);
  if (now.value === null) return withheld(`${CONSTANT} at this step, or not finite`);
  const value = now.value - before.value;
  const halves = differenceOfHalves(now.halves, before.halves);
  return {status: 'scored', value, ...(halves ? intervalOfHalves(value, halves) : {low: null, high: null})};
}

function blockOf(joint: Gram, start: number, n: number): Gram {
  return selectImages(
    joint,
    Array.from({length: n}, (_, at) => start + at),
  );
}

/** Over all pairs of images; null where they are no farther apart than rounding. */
function meanDistance(gram: Gram): number | null {
  let sum = 0;
  let squares = 0;
  let norms = 0;
  const pairs = (gram.n * (gram.n - 1)) / 2;
  for (let a = 0; a < gram.n; a++) {
    norms += gram.data[a * gram.n + a]! / gram.n;
    for (let b = 0; b < a; b++) {
      const square = squaredDistance(gram, a, b);
      squares += square / pairs;
      sum += Math.sqrt(square) / pairs;
    }
  }
  return squares > RESOLUTION * norms && Number.isFinite(sum) ? sum : null;
}

function squaredDistance({n, data}: Gram, a: number, b: number): number {
  return Math.max(0, data[a * n + a]! + data[b * n + b]! - 2 * data[a * n + b]!);
}
