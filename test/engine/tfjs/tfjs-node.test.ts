import {mkdtemp, rm} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import type {LayersModel, Tensor} from '@tensorflow/tfjs';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {loadVit, openTfjsEngine, saveTfjsModel, vitConfigOf} from '../../../src/engine/index.js';
import {vitVariables} from '../../../src/engine/tfjs/vit-variables.js';
import {fromLayer, onDisk} from '../../../src/engine/tfjs/vit-weights.js';
import {testEngine} from '../contract.js';
import {difference, nhwc, tensorsOf, withoutLeaks} from './tensors.js';

const VIT = 'test/fixtures/tfjs-vit';

/** Where @tensorflow/tfjs-node is: beside this project, or installed in the folder that WANDB_INVARIANCE_TFJS_NODE names. */
function resolveNode(): string | undefined {
  const folder = process.env.WANDB_INVARIANCE_TFJS_NODE;
  try {
    return createRequire(folder ? join(folder, 'package.json') : import.meta.url).resolve(
      '@tensorflow/tfjs-node',
    );
  } catch {
    return undefined;
  }
}
const installed = resolveNode();

describe.skipIf(!installed)('on tfjs-node (skipped where @tensorflow/tfjs-node is not installed)', () => {
  let tf: typeof import('@tensorflow/tfjs');
  let vit: LayersModel;
  beforeAll(async () => {
    tf = (await import(pathToFileURL(installed!).href)) as typeof tf;
    vit = await loadVit(tf, 'test/fixtures/architectures/vit');
  });
  afterAll(() => vit.dispose());

  testEngine('taps on a ViT', options => openTfjsEngine({tf, model: vit, ...options}));

  it('has the gradients of every weight that PyTorch computes', async () => {
    const expected = await tensorsOf(`${VIT}/expected.safetensors`);
    const gradients = await tensorsOf(`${VIT}/gradients.safetensors`);
    const model = await loadVit(tf, VIT);
    const images = nhwc(tf, expected.get('images')!);
    const {grads} = tf.variableGrads(() => {
      const labels = tf.oneHot(tf.tensor1d([0, 1, 2, 3, 4, 0], 'int32'), 5);
      return tf.losses.softmaxCrossEntropy(labels, model.apply(images) as Tensor).asScalar();
    });
    for (const {weight, variable} of vitVariables(model, vitConfigOf(model)!)) {
      const {name} = variable.read() as Tensor & {name: string};
      const own = fromLayer(weight, grads[name]!.dataSync() as Float32Array);
      expect(difference(own, gradients.get(onDisk(weight).name)!.data), weight.name).toBeLessThan(1e-5);
    }
    model.dispose();
  });

  it('trains by fit without leaving tensors behind, and loads what was saved through file://', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tfjs-node-'));
    await withoutLeaks(tf, async () => {
      const model = await loadVit(tf, VIT, {classes: 3});
      const optimizer = tf.train.adam(0.01);
      model.compile({optimizer, loss: (y, logits) => tf.losses.softmaxCrossEntropy(y, logits)});
      const x = tf.randomUniform([12, 12, 12, 3]);
      const y = tf.tidy(() =>
        tf.oneHot(
          tf.tensor1d(
            Array.from({length: 12}, (_, i) => i % 3),
            'int32',
          ),
          3,
        ),
      );
      const losses: number[] = [];
      const callbacks = {
        onBatchEnd: async (_: number, logs?: {loss?: number}) => void losses.push(logs!.loss!),
      };
      await model.fit(x, y, {epochs: 10, batchSize: 4, verbose: 0, callbacks});
      expect(losses).toHaveLength(30);
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
      await saveTfjsModel({tf, model, folder: join(folder, 'model')});
      const back = await tf.loadLayersModel(pathToFileURL(join(folder, 'model', 'model.json')).href);
      const logits = (of: LayersModel) => tf.tidy(() => (of.predict(x) as Tensor).dataSync());
      expect(logits(back)).toEqual(logits(model));
      for (const each of [model, back, optimizer]) each.dispose();
      tf.dispose([x, y]);
    });
    await rm(folder, {recursive: true});
  });
});
