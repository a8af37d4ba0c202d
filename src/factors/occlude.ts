import type {Pixels} from './pixels.js';

/** Covers a square with the image's own mean colour: black would be seen as black, not as hidden. */
export function occlude(
  {channels, height, width, data}: Pixels,
  {top, left, side}: {top: number; left: number; side: number},
): Float32Array {
  const occluded = data.slice();
  const plane = height * width;
  for (let channel = 0; channel < channels; channel++) {
    const values = occluded.subarray(channel * plane, (channel + 1) * plane);
    const mean = values.reduce((sum, value) => sum + value, 0) / plane;
    for (let y = top; y < top + side; y++) values.fill(mean, y * width + left, y * width + left + side);
  }
  return occluded;
}
