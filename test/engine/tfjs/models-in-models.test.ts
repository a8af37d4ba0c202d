import * as tf from '@tensorflow/tfjs';
import {beforeAll, describe, expect, test} from 'vitest';
import {openTfjsEngine} from '../../../src/engine/index.js';
import {imagesFor} from '../contract.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const conv = (name: string, seed: number) =>
  tf.layers.conv2d({
    name,
    filters: 3,
    kernelSize: 3,
    padding: 'same',
    kernelInitializer: tf.initializers.heNormal({seed}),
    biasInitializer: tf.initializers.constant({value: seed}),
  });

const body = (name: string, seed: number) => {
  const input = tf.input({shape: [8, 8, 3]});
  const normed = tf.layers.batchNormalization({name: 'bn'}).apply(conv('conv', seed).apply(input));
  return tf.model({name, inputs: input, outputs: conv('last', seed + 1).apply(normed) as tf.SymbolicTensor});
};

const head = () => [tf.layers.flatten({name: 'flat'}), tf.layers.dense({name: 'head', units: 2})];

const wrapped = (...inner: tf.layers.Layer[]) => {
  const input = tf.input({shape: [8, 8, 3]});
  const output = [...inner, ...head()].reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, input);
  return tf.model({inputs: input, outputs: output});
};

const inside = (name: string, ...inner: tf.layers.Layer[]) => {
  const input = tf.input({shape: [8, 8, 3]});
  const output = inner.reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, input);
  return tf.model({name, inputs: input, outputs: output});
};

const models: Record<string, () => tf.LayersModel> = {
  'a functional model around a backbone': () => wrapped(body('base', 1)),
  'a Sequential that begins with a backbone': () => tf.sequential({layers: [body('base', 1), ...head()]}),
  'a model in a model in a model': () => wrapped(inside('outer', body('base', 1))),
  'two inner models whose layers have the same names': () =>
    wrapped(inside('outer', body('left', 1), body('right', 11))),
  'two inner models of one name, twice nested': () =>
    wrapped(inside('one', body('base', 1)), inside('two', body('base', 11))),
  'a backbone that stands twice': () => {
    const base = body('base', 1);
    return wrapped(inside('outer', base), base);
  },
  'a frozen backbone': () => {
    const base = body('base', 1);
    base.trainable = false;
    return wrapped(base);
  },
  'a backbone frozen in part': () => {
    const base = body('base', 1);
    base.getLayer('conv').trainable = false;
    return tf.sequential({layers: [base, ...head()]});
  },
};

/** Every variable of a model, each once, with its numbers. */
const numbers = (model: tf.LayersModel) => model.getWeights().map(tensor => Array.from(tensor.dataSync()));

describe.each(Object.entries(models))('%s', (_, build) => {
  test('keeps every live weight to the bit while the engine is opened and weights are put in and taken out', async () => {
    const model = build();
    const before = numbers(model);
    const engine = await openTfjsEngine({tf, model});
    const own = engine.weights();
    expect(numbers(model)).toEqual(before);
    engine.setWeights(engine.randomWeights(1));
    expect(numbers(model)).not.toEqual(before);
    engine.setWeights(own);
    expect(numbers(model)).toEqual(before);
  });

  test('has each weight of its backbone once, by a name of its own, and measured', async () => {
    const model = build();
    const engine = await openTfjsEngine({tf, model});
    const weights = engine.weights();
    expect(new Set(weights.map(({name}) => name)).size).toBe(weights.length);
    expect(weights.filter(({layer}) => layer === null).map(({name}) => name)).toEqual([
      'head/kernel',
      'head/bias',
    ]);
  });

  test('draws random weights into their own variables, frozen or not', async () => {
    const engine = await openTfjsEngine({tf, model: build()});
    const own = new Map(engine.weights().map(({name, data}) => [name, data]));
    for (const {name, data} of engine.randomWeights(1)) {
      // Constant initialisers give the same numbers again; drawn ones give others.
      if (/kernel/.test(name)) expect(data, name).not.toEqual(own.get(name));
      else expect(data, name).toEqual(own.get(name));
    }
  });

  test('sees other weights of its backbone as other features', async () => {
    const engine = await openTfjsEngine({tf, model: build()});
    const images = imagesFor(engine, 2, 1);
    const last = engine.layers.at(-1)!;
    const before = await engine.features(images, last);
    engine.setWeights(
      engine.weights().map(weight => ({...weight, data: weight.data.map(value => value * 1.5 + 0.1)})),
    );
    expect((await engine.features(images, last)).data).not.toEqual(before.data);
  });
});
