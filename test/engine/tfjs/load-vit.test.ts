import {cp, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {existsSync} from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {loadVit, saveVit, vitConfigOf} from '../../../src/engine/index.js';
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

describe('a folder whose preprocessor says another image size than its config', () => {
  it('is built for that size, its positions interpolated, and saved as what it is', async () => {
    const root = await mkdtemp(join(tmpdir(), 'load-vit-'));
    const folder = join(root, 'wide');
    await cp(FIXTURE, folder, {recursive: true});
    const path = join(folder, 'preprocessor_config.json');
    const json = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({...json, size: {height: 20, width: 20}}));
    const model = await loadVit(tf, folder);
    expect(model.inputs[0]!.shape).toEqual([null, 20, 20, 3]);
    await saveVit(model, join(root, 'saved'));
    const back = await loadVit(tf, join(root, 'saved'));
    expect(vitConfigOf(back)).toEqual(vitConfigOf(model));
    expect(
      back
        .getLayer('embeddings')
        .getWeights()
        .map(({shape}) => shape),
    ).toContainEqual([26, 16]);
    model.dispose();
    back.dispose();
    await rm(root, {recursive: true});
  });
});

describe('a folder that cannot be trained', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'load-vit-'));
  });
  afterAll(() => rm(root, {recursive: true}));

  /** The fixture with another config. */
  async function changed(change: Record<string, unknown>): Promise<string> {
    const folder = await mkdtemp(join(root, 'model-'));
    await cp(FIXTURE, folder, {recursive: true});
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    await writeFile(join(folder, 'config.json'), JSON.stringify({...config, ...change}));
    return folder;
  }

  it.each([
    [
      'an unknown model_type',
      {model_type: 'swin'},
      'bad_model',
      /unknown model_type "swin".*trained here: vit/,
    ],
    [
      'another activation',
      {hidden_act: 'relu'},
      'bad_model',
      /hidden_act relu cannot be trained here, only gelu/,
    ],
    [
      'dropout',
      {hidden_dropout_prob: 0.1},
      'bad_model',
      /hidden_dropout_prob 0.1 is not applied here; set it to 0/,
    ],
    ['heads that do not divide the width', {num_attention_heads: 3}, 'bad_model', /width of 16 .* 3 heads/],
    [
      'another width than its tensors',
      {hidden_size: 32},
      'bad_weights',
      /projection.weight has shape \[16, 3, 4, 4\] where \[32, 3, 4, 4\] is expected/,
    ],
    [
      'more labels than its head has rows',
      {id2label: {0: 'a', 1: 'b'}},
      'bad_weights',
      /head has 5 rows, but config.json names 2/,
    ],
  ])('is refused with %s', async (_, change, code, message) => {
    const before = tf.memory().numTensors;
    await expect(loadVit(tf, await changed(change))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is refused with a head of no classes or a seed that is no seed', async () => {
    await expect(loadVit(tf, FIXTURE, {classes: 0})).rejects.toMatchObject({code: 'bad_option'});
    await expect(loadVit(tf, FIXTURE, {classes: []})).rejects.toMatchObject({code: 'bad_option'});
    await expect(loadVit(tf, FIXTURE, {class: 2} as object)).rejects.toThrow(
      'unknown option of loadVit: class',
    );
    await expect(loadVit(tf, FIXTURE, {classes: 2, seed: -1})).rejects.toMatchObject({code: 'bad_option'});
  });

  it('gives the same head for the same seed and another for another', async () => {
    const head = async (seed: number) => {
      const model = await loadVit(tf, FIXTURE, {classes: 2, seed});
      const data = model.getLayer('head').getWeights()[0]!.dataSync();
      model.dispose();
      return data;
    };
    expect(await head(0)).toEqual(await head(0));
    expect(await head(0)).not.toEqual(await head(1));
  });
});
