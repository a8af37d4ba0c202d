import {sizeOf} from '../images.js';
import {seededRandom} from '../random.js';
import type {Images} from '../types.js';
import {FACTORS, type Factor} from './factors.js';

/** A pixel has changed when it has by one step of 8 bits. */
const STEP = 1 / 255;
/** A factor says something only where at least this share of the images changes. */
const MIN_CHANGED = 0.5;

/** T X, or why there is none. */
export type Transformed = {status: 'ready'; images: Images} | {status: 'withheld'; reason: string};

/**
 * T X: every image changed by an amount of its own. The same images, factor and seed give the same result, whatever other
 * factors are in the panel.
 *
 * Withheld where T means nothing to the images: colours of grey ones, or a change that leaves most of them as they are.
 */
export function transform(images: Images, factor: Factor, {seed = 0} = {}): Transformed {
  const {count, channels, height, width} = images;
  if (factor.colour && channels !== 3) {
    return {
      status: 'withheld',
      reason: `${factor.name} needs images of 3 channels, and the probes have ${channels}`,
    };
  }
  const random = seededRandom(Object.keys(FACTORS).length * seed + Object.keys(FACTORS).indexOf(factor.name));
  const size = sizeOf(images);
  const data = new Float32Array(count * size);
  let changed = 0;
  for (let at = 0; at < count; at++) {
    const pixels = images.data.subarray(at * size, (at + 1) * size);
    const result = factor.apply({channels, height, width, data: pixels}, random);
    let square = 0;
    for (let k = 0; k < size; k++) {
      const value = Math.min(1, Math.max(0, result[k]!));
      data[at * size + k] = value;
      square += (value - pixels[k]!) ** 2;
    }
    if (square >= size * STEP ** 2) changed++;
  }
  return changed < MIN_CHANGED * count
    ? {status: 'withheld', reason: `${factor.name} changes only ${changed} of the ${count} probes`}
    : {status: 'ready', images: {...images, data}};
}
