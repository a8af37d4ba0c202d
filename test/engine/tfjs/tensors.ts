import type {Tf} from '../../../src/engine/index.js';
import {openSafetensors} from '../../../src/models/index.js';
import {expect} from 'vitest';

export interface Array32 {
  shape: readonly number[];
  data: Float32Array;
}

/** Every tensor of a file, as float32. */
export async function tensorsOf(path: string): Promise<Map<string, Array32>> {
  const file = await openSafetensors(path);
  const tensors = new Map<string, Array32>();
  for (const name of file.names()) {
    const {shape, data} = await file.read(name);
    tensors.set(name, {shape, data: Float32Array.from(data as Iterable<number | bigint>, Number)});
  }
  await file.close();
  return tensors;
}

/** NCHW images as the NHWC tensor that a TensorFlow.js model reads. */
export function nhwc(tf: Tf, {shape, data}: Array32) {
  return tf.tidy(() =>
    tf.transpose(tf.tensor4d(data, [...shape] as [number, number, number, number]), [0, 2, 3, 1]),
  );
}

/** Largest difference, relative to the largest value where that is above 1. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let [largest, scale] = [0, 1];
  for (let i = 0; i < a.length; i++) {
    largest = Math.max(largest, Number.isFinite(a[i]) ? Math.abs(a[i]! - b[i]!) : Infinity);
    scale = Math.max(scale, Math.abs(b[i]!));
  }
  return largest / scale;
}

/** Runs `body` and expects as many tensors and buffers after it as before, but for `left` that TensorFlow.js itself loses. */
export async function withoutLeaks(
  tf: Tf & Pick<typeof import('@tensorflow/tfjs'), 'memory'>,
  body: () => Promise<void>,
  left = 0,
): Promise<void> {
  const before = tf.memory();
  await body();
  const after = tf.memory();
  expect(after.numTensors).toBe(before.numTensors + left);
  expect(after.numDataBuffers).toBe(before.numDataBuffers + left);
}
