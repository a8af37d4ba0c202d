import * as tf from '@tensorflow/tfjs';
import {beforeAll, describe, expect, it} from 'vitest';
import {loadProbes} from '../../src/probes/load-probes.js';
import {withoutTensors, type MonitorProbes} from '../../src/probes/tensor-probes.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** 6 images of 2 × 3 pixels and 2 channels; pixel values tell image, channel, row and column apart. */
const value = (n: number, c: number, y: number, x: number) => (n * 100 + c * 10 + y * 3 + x) / 1000;
const nhwc = () =>
  tf.tensor4d(
    Array.from({length: 6}, (_, n) =>
      [0, 1].map(y => [0, 1, 2].map(x => [0, 1].map(c => value(n, c, y, x)))),
    ),
  );
const nchw = Float32Array.from(
  Array.from({length: 6}, (_, n) =>
    [0, 1].map(c => [0, 1].map(y => [0, 1, 2].map(x => value(n, c, y, x)))),
  ).flat(3),
);

async function load(probes: MonitorProbes) {
  const {images} = await loadProbes(await withoutTensors(tf, probes), {channels: 2});
  return images;
}

describe('probes as tensors', () => {
  it.each<[string, () => MonitorProbes]>([
    ['one tensor (n, H, W, C)', nhwc],
    ['a list of images (H, W, C)', () => tf.unstack(nhwc())],
    ['a list of batches', () => tf.split(nhwc(), [2, 4])],
    ['a list of {xs, ys}', () => tf.split(nhwc(), 2).map(xs => ({xs, ys: tf.scalar(0)}))],
    ['a dataset of batches', () => tf.data.array(tf.unstack(nhwc())).batch(4)],
    ['a dataset of {xs, ys}', () => tf.data.array(tf.unstack(nhwc()).map(xs => ({xs, ys: 1}))).batch(3)],
  ])('are the same images from %s', async (_, probes) => {
    expect(await load(probes())).toEqual({count: 6, channels: 2, height: 2, width: 3, data: nchw});
  });

  it('leave the user’s tensors alone, and none behind', async () => {
    const tensor = nhwc();
    const before = tf.memory().numTensors;
    await load(tensor);
    await load([tensor]);
    expect(tf.memory().numTensors).toBe(before);
    expect(tensor.isDisposed).toBe(false);
    const dataset = tf.data.generator(function* () {
      for (let i = 0; i < 6; i++) yield tf.fill([2, 3, 2], i / 6);
    });
    await load(dataset);
    expect(tf.memory().numTensors).toBe(before);
    const batches = tf.data.generator(function* () {
      for (let i = 0; i < 4; i++) yield {xs: tf.fill([4, 2, 3, 2], i / 4), ys: tf.zeros([4])};
    });
    const some = await withoutTensors(tf, batches);
    const {images} = await loadProbes(some, {channels: 2, max: 8});
    expect(images.count).toBe(8);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('are refused where they are no images, with the shape that is meant', async () => {
    await expect(load(tf.zeros([6, 4]))).rejects.toThrow(
      'probes of shape [6, 4] are no images; give a tensor [n, height, width, channels]',
    );
    await expect(load(tf.mul(nhwc(), 500))).rejects.toThrow(/\[0, 1\]/);
  });
});
