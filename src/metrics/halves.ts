import {InvarianceError} from '../errors.js';
import {seededRandom} from '../random.js';
import type {Gram, Interval} from '../types.js';
import {cka} from './cka.js';
import {selectImages} from './gram.js';

/** Half-samples that an interval rests on; at n = 256 these take about 0.07 s a pair of layers. */
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

/**
 * The unbiased CKA on each half-sample. Null where it is withheld on one: a half of fewer than 4 images is too few, and a
 * layer that varies on few images can be constant on a half of them.
 */
export function ckaOfHalves(K: Gram, L: Gram, halves: readonly Uint32Array[]): Halves {
  const values = new Float64Array(halves.length);
  for (const [at, half] of halves.entries()) {
    const similarity = cka(selectImages(K, half), selectImages(L, half), 'unbiased');
    if (similarity.status === 'withheld') return null;
    values[at] = similarity.value;
  }
  return values;
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
