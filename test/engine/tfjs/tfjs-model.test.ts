import {mkdtemp, readdir, rm, truncate} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {
  loadTfjsModel,
  loadVit,
  openTfjsEngine,
  saveTfjsModel,
  vitConfigOf,
} from '../../../src/engine/index.js';
import {imagesFor} from '../contract.js';
import {withoutLeaks} from './tensors.js';

const VIT = 'test/fixtures/tfjs-vit';

let folder: string;
beforeAll(async () => {
  await tf.setBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'tfjs-model-'));
});
afterAll(() => rm(folder, {recursive: true}));

function convNet(): tf.LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.conv2d({filters: 2, kernelSize: 3, inputShape: [6, 6, 3], name: 'conv'}),
      tf.layers.batchNormalization({name: 'bn'}),
      tf.layers.dense({units: 2, name: 'logits'}),
    ],
  });
}

describe('a model in the format of TensorFlow.js', () => {
  it.each([
    ['a convolutional net', async () => convNet()],
    ['a ViT', () => loadVit(tf, VIT)],
  ])('%s comes back as it was, and leaves no tensor and no other file behind', async (name, make) => {
    await withoutLeaks(tf, async () => {
      const model = await make();
      const path = join(folder, name);
      await saveTfjsModel({tf, model, folder: path, files: {'state.json': '{}'}});
      await saveTfjsModel({tf, model, folder: path});
      expect(await readdir(path)).toEqual(['model.json', 'weights.bin']);
      expect((await readdir(folder)).filter(entry => entry.startsWith('.'))).toEqual([]);

      const back = await loadTfjsModel({tf, folder: path});
      const [engine, again] = [await openTfjsEngine({tf, model}), await openTfjsEngine({tf, model: back})];
      expect(again.weights()).toEqual(engine.weights());
      expect(again.definition).toBe(engine.definition);
      const images = imagesFor(engine, 3, 1);
      expect(await again.grams(images)).toEqual(await engine.grams(images));
      expect(vitConfigOf(back)).toEqual(vitConfigOf(model));
      model.dispose();
      back.dispose();
    });
  });

  it('is refused where the folder is empty or its weights are cut short', async () => {
    await expect(loadTfjsModel({tf, folder: join(folder, 'nowhere')})).rejects.toMatchObject({
      code: 'bad_model',
    });
    const model = convNet();
    const path = join(folder, 'cut');
    await saveTfjsModel({tf, model, folder: path});
    await truncate(join(path, 'weights.bin'), 100);
    await expect(loadTfjsModel({tf, folder: path})).rejects.toThrow(
      /has 100 bytes where model.json names \d+/,
    );
    model.dispose();
  });

  it('says which folder cannot be written', async () => {
    const model = convNet();
    const path = join(folder, 'a convolutional net', 'model.json', 'below');
    await expect(saveTfjsModel({tf, model, folder: path})).rejects.toMatchObject({code: 'io_failed'});
    model.dispose();
  });
});
