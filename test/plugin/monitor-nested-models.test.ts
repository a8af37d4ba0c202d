import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {beforeAll, describe, expect, it} from 'vitest';
import {readRun} from '../../src/journal/index.js';
import {monitorInvariance} from '../../src/plugin/monitor-invariance.js';
import {seededRandom} from '../../src/random.js';
import {body, models, numbers} from '../engine/tfjs/nested-models.js';
import {useCache} from '../measure/use-cache.js';

useCache();
beforeAll(async () => {
  await tf.setBackend('cpu');
});

function images(count: number, seed: number): tf.Tensor4D {
  const random = seededRandom(seed);
  return tf.tensor4d(
    Float32Array.from({length: count * 192}, () => random.uniform()),
    [count, 8, 8, 3],
  );
}

const compiled = (model: tf.LayersModel) => {
  model.compile({optimizer: tf.train.adam(0.01), loss: 'meanSquaredError'});
  return model;
};
const fit = {batchSize: 4, epochs: 2, verbose: 0, shuffle: false};

/** A training of four steps with a whole monitor on it: floor, inversion, reference, two readings. */
async function monitored(model: tf.LayersModel) {
  const before = numbers(model);
  const monitor = await monitorInvariance({
    tf,
    model,
    probes: images(8, 2),
    inversion: {steps: 3},
    floor: 2,
    every: '2 steps',
    budget: Infinity,
    console: false,
    dir: mkdtempSync(join(tmpdir(), 'monitor-nested-')),
  });
  expect(numbers(model)).toEqual(before);
  await compiled(model).fit(images(8, 1), tf.zeros([8, 2]), {...fit, callbacks: monitor.callback()});
  const {folder} = await monitor.finish();
  return readRun(folder);
}

describe.each(Object.entries(models))('a training of %s', (_, build) => {
  it('is with a monitor what it is without one, to the bit, and its backbone is measured', async () => {
    const alone = compiled(build());
    await alone.fit(images(8, 1), tf.zeros([8, 2]), fit);
    const model = build();
    const {baseline, readings} = await monitored(model);
    expect(numbers(model)).toEqual(numbers(alone));
    expect(readings.map(({step}) => step)).toEqual([0, 2, 4]);
    // The backbone as a whole, or its layers where a Sequential lets them be read; never the head alone.
    expect(baseline!.layers.filter(layer => !/^(flat|head)$/.test(layer))).not.toEqual([]);
  }, 60_000);
});

it('tells two backbones apart by their fingerprint, and not two heads', async () => {
  const around = (base: tf.LayersModel, seed: number) =>
    tf.sequential({
      layers: [
        base,
        tf.layers.flatten({name: 'flat'}),
        tf.layers.dense({name: 'head', units: 2, kernelInitializer: tf.initializers.glorotNormal({seed})}),
      ],
    });
  const pretrained = async (base: tf.LayersModel, seed: number) =>
    (await monitored(around(base, seed))).baseline!.fingerprint.pretrained;
  const [one, other, otherHead] = [
    await pretrained(body('base', 1), 5),
    await pretrained(body('base', 21), 5),
    await pretrained(body('base', 1), 6),
  ];
  expect(other).not.toBe(one);
  expect(otherHead).toBe(one);
}, 60_000);
