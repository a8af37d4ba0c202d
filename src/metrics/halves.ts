import {InvarianceError} from '../errors.js';
import {seededRandom} from '../random.js';
import type {Gram, Interval} from '../types.js';
import {centred} from './centre.js';
import {cosine, MIN_IMAGES} from './similarity.js';

/** Half-samples that an interval rests on. */
export const HALF_SAMPLES = 200;

/** Packed in 16 bits, a value is a multiple of 1 / SCALE. */
const SCALE = 32767;
const WITHHELD = -32768;

const TAILS = [0.025, 0.975] as const;

/** A value on each half-sample of the probes; null where it is withheld on one of them. */
export type Halves = Float64Array | null;

/**
 * Half of the n images, without replacement, again and again: for one n always the same, so that whatever is computed on
 * them is computed on the same images and differences are paired.
 *
 * @returns places of the images of each half, ascending, so that Grams are read from front to back.
 */
export function halfSamples(n: number, {samples = HALF_SAMPLES, seed = 0} = {}): Uint32Array[] {
  const random = seededRandom(seed);
  return Array.from({length: samples}, () =>
    Uint32Array.from(random.permutation(n).subarray(0, Math.floor(n / 2))).sort(),
  );
}

/** a − b on each half-sample; null where either is. */
export function differenceOfHalves(a: Halves, b: Halves): Halves {
  return a && b && a.map((value, half) => value - b[half]!);
}

/** A Gram made ready for half-samples. */
export interface HalfSums {
  readonly halves: readonly Uint32Array[];
  /** (n, n), U-centred over all images: that changes no half's CKA, and its sums stay small. The diagonal is 0. */
  readonly entries: Float64Array;
  /** Row sums within each half. */
  readonly rows: readonly Float64Array[];
  /** HSIC1 of each half with itself, up to a factor of m; exactly 0 where the layer is constant on it. */
  readonly energies: readonly number[];
}

/** Energy that is left by rounding alone, as a share of what went in. */
const ROUNDING = 1e-12;

/** Once a Gram, n² + m² operations a half, so that each of the many pairs it takes part in costs m² / 2. */
export function halfSums(gram: Gram, halves: readonly Uint32Array[]): HalfSums {
  const {n} = gram;
  const {triangle} = centred(gram, 'unbiased');
  const entries = new Float64Array(n * n);
  for (let i = 0, place = 0; i < n; i++) {
    for (let j = 0; j < i; j++) entries[i * n + j] = entries[j * n + i] = triangle[place++]!;
  }
  const rows = halves.map(half => new Float64Array(half.length));
  const energies = halves.map((half, at) => {
    const squares = sumHalf(entries, n, half, rows[at]!);
    const energy = hsicOfSums(squares, rows[at]!, rows[at]!);
    return energy <= ROUNDING * squares ? 0 : energy;
  });
  return {halves, entries, rows, energies};
}

/**
 * The unbiased CKA on each half-sample. Null where it is withheld on one: a half of fewer than 4 images is too few, and a
 * layer that varies on few images can be constant on a half of them.
 */
export function ckaOfHalves(K: HalfSums, L: HalfSums): Halves {
  const n = Math.sqrt(K.entries.length);
  const values = new Float64Array(K.halves.length);
  for (const [at, half] of K.halves.entries()) {
    if (half.length < MIN_IMAGES) return null;
    const between = hsicOfSums(products(K.entries, L.entries, n, half), K.rows[at]!, L.rows[at]!);
    const similarity = cosine(between, K.energies[at]!, L.energies[at]!);
    if (similarity.status === 'withheld') return null;
    values[at] = similarity.value;
  }
  return values;
}

/** Σ over the off-diagonal entries of a half. */
function products(K: Float64Array, L: Float64Array, n: number, half: Uint32Array): number {
  let sum = 0;
  for (let i = 1; i < half.length; i++) {
    const row = half[i]! * n;
    for (let j = 0; j < i; j++) {
      const place = row + half[j]!;
      sum += K[place]! * L[place]!;
    }
  }
  return 2 * sum;
}

/** Adds up the rows of a half, and returns the sum of its squared off-diagonal entries. */
function sumHalf(entries: Float64Array, n: number, half: Uint32Array, rows: Float64Array): number {
  let squares = 0;
  for (let i = 1; i < half.length; i++) {
    const row = half[i]! * n;
    let sum = 0;
    for (let j = 0; j < i; j++) {
      const value = entries[row + half[j]!]!;
      squares += value * value;
      sum += value;
      rows[j]! += value;
    }
    rows[i]! += sum;
  }
  return 2 * squares;
}

/** Song et al. 2012, equation 5, times m(m − 3), from a half's sum of products and row sums. */
function hsicOfSums(sum: number, a: Float64Array, b: Float64Array): number {
  const m = a.length;
  let [ofA, ofB, together] = [0, 0, 0];
  for (let i = 0; i < m; i++) {
    ofA += a[i]!;
    ofB += b[i]!;
    together += a[i]! * b[i]!;
  }
  return sum - (2 * together) / (m - 2) + (ofA * ofB) / ((m - 1) * (m - 2));
}

/**
 * 95 % interval between the 2.5 % and 97.5 % quantiles of the half-samples; it always holds the full value.
 */
export function intervalOfHalves(value: number, halves: Float64Array): Interval {
  const sorted = Float64Array.from(halves).sort();
  return {
    low: Math.min(value, quantile(sorted, TAILS[0])),
    high: Math.max(value, quantile(sorted, TAILS[1])),
  };
}

/** Linear interpolation between order statistics (type 7 of Hyndman & Fan 1996). */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)]!;
  return below + (place - Math.floor(place)) * (sorted[Math.ceil(place)]! - below);
}

/** As `halves` of a reading: base64 of little-endian 16-bit integers, one row an entry of `rows`. */
export function packHalves(rows: readonly Halves[], samples = HALF_SAMPLES): string {
  const bytes = Buffer.alloc(2 * samples * rows.length);
  rows.forEach((row, i) => {
    for (let k = 0; k < samples; k++) {
      const value = row === null ? WITHHELD : Math.round(row[k]! * SCALE);
      bytes.writeInt16LE(value, 2 * (i * samples + k));
    }
  });
  return bytes.toString('base64');
}

/**
 * What `packHalves` packed.
 * @throws InvarianceError `bad_record` where the text does not hold as many rows.
 */
export function unpackHalves(text: string, rows: number, samples = HALF_SAMPLES): Halves[] {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 2 * samples * rows) {
    throw new InvarianceError(
      'bad_record',
      `half-samples of ${bytes.length} bytes are not ${rows} × ${samples}`,
    );
  }
  return Array.from({length: rows}, (_, i) => {
    const row = Float64Array.from({length: samples}, (_, k) => bytes.readInt16LE(2 * (i * samples + k)));
    return row[0] === WITHHELD ? null : row.map(value => value / SCALE);
  });
}
