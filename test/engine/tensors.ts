import {openSafetensors} from '../../src/models/index.js';
import type {Images} from '../../src/types.js';

/** Every float tensor of a file, by name. */
export async function readTensors(
  path: string,
): Promise<Map<string, {shape: readonly number[]; data: Float32Array}>> {
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, {shape: readonly number[]; data: Float32Array}>();
    for (const name of file.names()) {
      const {shape, data} = await file.read(name);
      tensors.set(name, {shape, data: data as Float32Array});
    }
    return tensors;
  } finally {
    await file.close();
  }
}

/** A tensor (n, channels, height, width) as images. */
export function imagesOf({shape, data}: {shape: readonly number[]; data: Float32Array}): Images {
  const [count, channels, height, width] = shape as [number, number, number, number];
  return {count, channels, height, width, data};
}

/** The largest difference of two arrays, as a share of the largest number expected. */
export function relativeDifference(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0) / largest;
}
