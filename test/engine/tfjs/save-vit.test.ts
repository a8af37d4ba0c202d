import {execFileSync} from 'node:child_process';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {
  loadVit,
  openTfjsEngine,
  optimizerState,
  restoreOptimizer,
  saveVit,
  vitConfigOf,
} from '../../../src/engine/index.js';
import {python, pythonHas} from '../../python.js';
import {difference, withoutLeaks, nhwc, tensorsOf} from './tensors.js';

const FIXTURE = 'test/fixtures/tfjs-vit';
const EXPECTED = `${FIXTURE}/expected.safetensors`;

let folder: string;
beforeAll(async () => {
  await tf.setBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'save-vit-'));
});
afterAll(() => rm(folder, {recursive: true}));

async function batch() {
  const images = nhwc(tf, (await tensorsOf(EXPECTED)).get('images')!);
  const labels = tf.tidy(() => tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1, 2], 'int32'), 3));
  return {images, labels};
}

function compile(model: tf.LayersModel, optimizer: tf.Optimizer) {
  model.compile({optimizer, loss: (y, logits) => tf.losses.softmaxCrossEntropy(y, logits)});
}

function logits(model: tf.LayersModel, images: tf.Tensor): Float32Array {
  return tf.tidy(() => (model.predict(images) as tf.Tensor).dataSync() as Float32Array);
}

describe('a saved ViT', () => {
  it('comes back with the same logits, labels and normalisation', async () => {
    await withoutLeaks(tf, async () => {
      const {images, labels} = await batch();
      const model = await loadVit(tf, FIXTURE, {classes: ['cat', 'dog', 'emu'], seed: 7});
      const optimizer = tf.train.sgd(0.1);
      compile(model, optimizer);
      await model.trainOnBatch(images, labels);
      await saveVit(model, join(folder, 'saved'));
      const back = await loadVit(tf, join(folder, 'saved'));
      expect(logits(back, images)).toEqual(logits(model, images));
      const config = JSON.parse(await readFile(join(folder, 'saved/config.json'), 'utf8'));
      expect(config.id2label).toEqual({0: 'cat', 1: 'dog', 2: 'emu'});
      for (const each of [model, back, optimizer]) each.dispose();
      tf.dispose([images, labels]);
    });
  });

  it.skipIf(!pythonHas('torch', 'transformers'))('has the same logits in transformers (Python)', async () => {
    const {images, labels} = await batch();
    const model = await loadVit(tf, FIXTURE, {classes: 3, seed: 1});
    compile(model, tf.train.adam(0.01));
    for (let step = 0; step < 3; step++) await model.trainOnBatch(images, labels);
    await saveVit(model, join(folder, 'python'));
    const code = `
import json, sys, torch
from safetensors.torch import load_file
from transformers import AutoImageProcessor, ViTForImageClassification
model = ViTForImageClassification.from_pretrained(sys.argv[1])
processor = AutoImageProcessor.from_pretrained(sys.argv[1])
mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (processor.image_mean, processor.image_std))
with torch.no_grad():
    logits = model((load_file(sys.argv[2])["images"].clamp(0, 1) - mean) / std).logits
print(json.dumps(logits.flatten().tolist()))`;
    const out = execFileSync(python, ['-c', code, join(folder, 'python'), EXPECTED], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(difference(logits(model, images), JSON.parse(out.toString()))).toBeLessThan(1e-4);
    model.dispose();
    tf.dispose([images, labels]);
  });
});

describe('a ViT with a head of the user', () => {
  it('is no longer one of ours, so nothing of it is lost in a Hugging Face folder, but its layers can still be read', async () => {
    const vit = await loadVit(tf, FIXTURE);
    const hidden = tf.layers.dense({units: 4, name: 'hidden'}).apply(vit.getLayer('norm').output);
    const logits = tf.layers.dense({units: 2, name: 'head2'}).apply(hidden) as tf.SymbolicTensor;
    const model = tf.model({inputs: vit.inputs, outputs: logits});
    expect(vitConfigOf(model)).toBeUndefined();
    await expect(saveVit(model, join(folder, 'own-head'))).rejects.toMatchObject({code: 'bad_model'});
    const engine = await openTfjsEngine({tf, model});
    expect(engine.layers).toEqual(['embeddings', 'block_00', 'block_01', 'block_02', 'norm', 'hidden']);
    model.dispose();
  });
});

/** So many that powers of Adam's betas taken afresh differ in their last bits from those of one multiplication a step. */
const STEPS = 5;

describe('training that resumes from a saved ViT and its optimizer', () => {
  const optimizers = {
    Adam: () => tf.train.adam(0.01),
    SGD: () => tf.train.sgd(0.1),
    Momentum: () => tf.train.momentum(0.05, 0.9),
  };
  for (const [name, make] of Object.entries(optimizers)) {
    it(`goes on bit for bit with ${name}`, async () => {
      await withoutLeaks(
        tf,
        async () => {
          const {images, labels} = await batch();
          const model = await loadVit(tf, FIXTURE, {classes: 3});
          const optimizer = make();
          compile(model, optimizer);
          for (let step = 0; step < STEPS; step++) await model.trainOnBatch(images, labels);
          await saveVit(model, join(folder, name));
          const state = await optimizerState(optimizer);
          expect(state).toMatchObject({kind: name, iterations: STEPS});

          const resumed = await loadVit(tf, join(folder, name));
          const fresh = make();
          await restoreOptimizer({tf, optimizer: fresh, state});
          compile(resumed, fresh);
          for (let step = 0; step < 3; step++) {
            await model.trainOnBatch(images, labels);
            await resumed.trainOnBatch(images, labels);
          }
          expect(logits(resumed, images)).toEqual(logits(model, images));
          expect(fresh.iterations).toBe(STEPS + 3);
          for (const each of [model, resumed, optimizer, fresh]) each.dispose();
          tf.dispose([images, labels]);
        },
        name === 'Momentum' ? 2 : 0,
      ); // its dispose() forgets the learning rate's scalar
    });
  }

  const changed: Record<
    string,
    {made: () => tf.Optimizer; again?: () => tf.Optimizer; change: (optimizer: tf.Optimizer) => void}
  > = {
    // As schedules do it: SGD and Momentum have a setter, the others a property.
    SGD: {
      made: () => tf.train.sgd(0.1),
      change: optimizer => (optimizer as tf.SGDOptimizer).setLearningRate(0.025),
    },
    Momentum: {
      made: () => tf.train.momentum(0.1, 0.9),
      again: () => tf.train.momentum(0.1, 0.5),
      change: optimizer => (optimizer as tf.SGDOptimizer).setLearningRate(0.025),
    },
    Adam: {
      made: () => tf.train.adam(0.01),
      change: optimizer => Object.assign(optimizer, {learningRate: 0.0025, beta1: 0.8}),
    },
    RMSProp: {
      made: () => tf.train.rmsprop(0.01),
      change: optimizer => Object.assign(optimizer, {learningRate: 0.0025}),
    },
    Adagrad: {
      made: () => tf.train.adagrad(0.1),
      change: optimizer => Object.assign(optimizer, {learningRate: 0.025}),
    },
    Adadelta: {
      made: () => tf.train.adadelta(0.1),
      change: optimizer => Object.assign(optimizer, {learningRate: 0.025}),
    },
  };
  for (const [name, {made, again = made, change}] of Object.entries(changed)) {
    it(`goes on with what a schedule had made of ${name}, not with what it was made with`, async () => {
      const {images, labels} = await batch();
      const model = await loadVit(tf, FIXTURE, {classes: 3});
      const optimizer = made();
      compile(model, optimizer);
      await model.trainOnBatch(images, labels);
      change(optimizer);
      await saveVit(model, join(folder, `changed-${name}`));
      const resumed = await loadVit(tf, join(folder, `changed-${name}`));
      const fresh = again();
      const state = await optimizerState(optimizer);
      const restored = await restoreOptimizer({tf, optimizer: fresh, state});
      expect(restored[0]).toMatch(/^learningRate 0\.0\d+ \(not 0\.0?1\)$/);
      expect(fresh.getConfig()).toEqual(optimizer.getConfig());
      compile(resumed, fresh);
      for (let step = 0; step < 2; step++) {
        await model.trainOnBatch(images, labels);
        await resumed.trainOnBatch(images, labels);
      }
      const whole = logits(model, images);
      logits(resumed, images).forEach((value, i) => expect(value).toBeCloseTo(whole[i]!, 4));
    });
  }

  it('is refused with an optimizer of another class', async () => {
    const state = await optimizerState(tf.train.sgd(0.1));
    await expect(restoreOptimizer({tf, optimizer: tf.train.adam(), state})).rejects.toThrow(/SGD, not Adam/);
  });
});
