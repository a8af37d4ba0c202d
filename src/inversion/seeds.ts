import {seededRandom} from '../random.js';
import type {Images} from '../types.js';

/**
 * Where inversions start: standard normal per pixel ("super-noise", STIR). The values leave [0, 1] on purpose; the
 * model's normaliser clamps them.
 *
 * @param options.like count and size of the images to draw.
 * @param options.seed default 0; the same seed gives the same images on every machine.
 */
export function drawSeeds({
  like,
  seed = 0,
}: {
  like: Pick<Images, 'count' | 'channels' | 'height' | 'width'>;
  seed?: number;
}): Images {
  const {count, channels, height, width} = like;
  const random = seededRandom(seed);
  const data = new Float32Array(count * channels * height * width);
  for (let at = 0; at < data.length; at++) data[at] = random.normal();
  return {count, channels, height, width, data};
}
