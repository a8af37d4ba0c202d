import {existsSync} from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {beforeAll, describe, expect, it} from 'vitest';
import {loadVit, vitConfigOf} from '../../../src/engine/tfjs/index.js';
import {vitVariables} from '../../../src/engine/tfjs/vit-variables.js';
import {fromLayer, onDisk} from '../../../src/engine/tfjs/vit-weights.js';
import {difference, withoutLeaks, nhwc, tensorsOf} from './tensors.js';

const FIXTURE = 'test/fixtures/tfjs-vit';

beforeAll(() => tf.setBackend('wasm'));

describe('a ViT of random weights from transformers, on wasm', async () => {
  const expected = await tensorsOf(`${FIXTURE}/expected.safetensors`);

  it('has the hidden states and logits that PyTorch computes', async () => {
    await withoutLeaks(tf, async () => {
      const model = await loadVit(tf, FIXTURE);
      const layers = ['embeddings', 'block_00', 'block_01', 'block_02', 'norm', 'head'];
      const taps = tf.model({
        inputs: model.inputs,
        outputs: layers.map(name => model.getLayer(name).output as tf.SymbolicTensor),
      });
      const images = nhwc(tf, expected.get('images')!);
      const outputs = taps.predict(images) as tf.Tensor[];
      const names = ['tokens.0', 'tokens.1', 'tokens.2', 'tokens.3', 'norm', 'logits'];
      for (const [index, name] of names.entries()) {
        expect(outputs[index]!.shape).toEqual(expected.get(name)!.shape);
        expect(difference(outputs[index]!.dataSync(), expected.get(name)!.data)).toBeLessThan(1e-5);
      }
      tf.dispose([outputs, images]);
      model.dispose();
    });
  });

  it('has the gradients of every weight that PyTorch computes', async () => {
    const gradients = await tensorsOf(`${FIXTURE}/gradients.safetensors`);
    await withoutLeaks(tf, async () => {
      const model = await loadVit(tf, FIXTURE);
      const images = nhwc(tf, expected.get('images')!);
      const labels = tf.tidy(() => tf.oneHot(tf.tensor1d([0, 1, 2, 3, 4, 0], 'int32'), 5));
      const {value, grads} = tf.variableGrads(() =>
        tf.losses.softmaxCrossEntropy(labels, model.apply(images, {training: true}) as tf.Tensor).asScalar(),
      );
      expect(value.dataSync()[0]).toBeCloseTo(expected.get('loss')!.data[0]!, 5);
      for (const {weight, variable} of vitVariables(model, vitConfigOf(model)!)) {
        const wanted = gradients.get(onDisk(weight).name)!.data;
        const own = fromLayer(
          weight,
          grads[(variable.read() as tf.Variable).name]!.dataSync() as Float32Array,
        );
        expect(difference(own, wanted), weight.name).toBeLessThan(1e-5);
      }
      tf.dispose([images, labels, value, grads]);
      model.dispose();
    });
  });
});

describe.skipIf(!existsSync('../shared'))('the ViT pretrained on CIFAR (needs ../shared)', () => {
  it('loads with its own head and with a new one, the body the same', async () => {
    const folder = '../shared/models/vit-cifar/pretrained';
    await withoutLeaks(tf, async () => {
      const [own, four] = [await loadVit(tf, folder), await loadVit(tf, folder, {classes: 4, seed: 3})];
      expect(own.outputs[0]!.shape).toEqual([null, 6]);
      expect(four.outputs[0]!.shape).toEqual([null, 4]);
      own.dispose();
      four.dispose();
    });
  });
});
