import {reflect} from './reflect.js';
import type {Pixels} from './pixels.js';

/** The kernel ends at so many standard deviations. */
const RADII = 3;

/**
 * Gaussian blur, rows then columns. Beyond its border an image goes on as its mirror image, so that no edge appears that
 * was not there.
 *
 * @param sigma standard deviation in pixels.
 */
export function blur({channels, height, width, data}: Pixels, sigma: number): Float32Array {
  const kernel = kernelOf(sigma);
  const radius = (kernel.length - 1) / 2;
  const across = new Float32Array(data.length);
  const blurred = new Float32Array(data.length);
  const columns = Int32Array.from({length: width + 2 * radius}, (_, x) => reflect(x - radius, width));
  const rows = Int32Array.from({length: height + 2 * radius}, (_, y) => reflect(y - radius, height));
  for (let row = 0; row < channels * height; row++)
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < kernel.length; k++) sum += kernel[k]! * data[row * width + columns[x + k]!]!;
      across[row * width + x] = sum;
    }
  for (let channel = 0; channel < channels; channel++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < kernel.length; k++)
          sum += kernel[k]! * across[(channel * height + rows[y + k]!) * width + x]!;
        blurred[(channel * height + y) * width + x] = sum;
      }
  return blurred;
}

/** Weights that sum to 1. */
function kernelOf(sigma: number): Float64Array {
  const radius = Math.ceil(RADII * sigma);
  const weights = Float64Array.from({length: 2 * radius + 1}, (_, k) =>
    Math.exp(-((k - radius) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map(weight => weight / sum);
}
