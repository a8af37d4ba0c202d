import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {loadVit, openTfjsEngine} from '../../../src/engine/index.js';
import {testEngine} from '../contract.js';

const VIT = 'test/fixtures/architectures/vit';

/** Convolutions, batch normalisation, a residual branch and a head; every initialiser at its default, so unseeded. */
function convNet(): tf.LayersModel {
  const input = tf.input({shape: [8, 8, 3]});
  const conv = (filters: number, name: string) =>
    tf.layers.conv2d({
      filters,
      kernelSize: 3,
      padding: 'same',
      activation: 'tanh',
      biasInitializer: 'randomNormal',
      name,
    });
  const first = conv(4, 'conv_a').apply(input) as tf.SymbolicTensor;
  const normed = tf.layers.batchNormalization({name: 'bn'}).apply(first) as tf.SymbolicTensor;
  const branch = conv(4, 'conv_b').apply(normed) as tf.SymbolicTensor;
  const joined = tf.layers.add({name: 'joined'}).apply([first, branch]) as tf.SymbolicTensor;
  const pooled = tf.layers.averagePooling2d({poolSize: 2, name: 'pool'}).apply(joined);
  const flat = tf.layers.flatten({name: 'flat'}).apply(pooled);
  const dense = tf.layers.dense({units: 6, activation: 'tanh', name: 'dense'}).apply(flat);
  const logits = tf.layers.dense({units: 3, name: 'logits'}).apply(dense) as tf.SymbolicTensor;
  return tf.model({inputs: input, outputs: logits});
}

describe('on wasm', () => {
  let vit: tf.LayersModel;
  let conv: tf.LayersModel;
  beforeAll(async () => {
    await tf.setBackend('wasm');
    vit = await loadVit(tf, VIT);
    conv = convNet();
  });
  afterAll(() => {
    vit.dispose();
    conv.dispose();
  });

  testEngine('taps on a ViT', options => openTfjsEngine({tf, model: vit, ...options}));
  testEngine('taps on a convolutional net', options =>
    openTfjsEngine({tf, model: conv, input: {mean: [0.4, 0.5, 0.6], std: 0.25}, ...options}),
  );

  it('measures by default what holds a representation', async () => {
    const engine = await openTfjsEngine({tf, model: conv});
    expect(engine.layers).toEqual(['conv_a', 'conv_b', 'joined', 'dense']);
    expect(engine.blocks).toEqual(['conv_a', 'conv_b', 'joined']);
  });
});

describe('on plain cpu', () => {
  let model: tf.LayersModel;
  beforeAll(async () => {
    await tf.setBackend('cpu');
    model = tf.sequential({
      layers: [
        tf.layers.conv2d({filters: 2, kernelSize: 3, activation: 'tanh', name: 'one', inputShape: [4, 4, 3]}),
        tf.layers.conv2d({filters: 2, kernelSize: 1, activation: 'tanh', name: 'two'}),
        tf.layers.flatten(),
        tf.layers.dense({units: 3, name: 'tri'}),
        tf.layers.dense({units: 2, name: 'logits'}),
      ],
    });
  });
  afterAll(() => model.dispose());

  testEngine('taps on a tiny net', options => openTfjsEngine({tf, model, ...options}));
});
