import * as tf from '@tensorflow/tfjs';
import {beforeAll, describe, expect, test} from 'vitest';
import {openTfjsEngine} from '../../../src/engine/index.js';
import {imagesFor} from '../contract.js';
import {models, numbers} from './nested-models.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

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
