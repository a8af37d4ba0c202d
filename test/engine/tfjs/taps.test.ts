import {existsSync} from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {afterEach, beforeAll, describe, expect, it} from 'vitest';
import {openOrtEngine, readWeights} from '../../../src/engine/index.js';
import {loadVit, openTfjsEngine} from '../../../src/engine/index.js';
import {imagesFor} from '../contract.js';
import {imagesOf, readTensors, relativeDifference} from '../tensors.js';
import {withoutLeaks} from './tensors.js';

const VIT = 'test/fixtures/architectures/vit';
const CIFAR = '../shared/models/vit-cifar/pretrained';

beforeAll(() => tf.setBackend('wasm'));

describe('taps on a ViT and onnxruntime on its folder', () => {
  it('agree on names, definition, weights and the random network of a seed', async () => {
    const model = await loadVit(tf, VIT);
    const [taps, ort] = [await openTfjsEngine({tf, model}), await openOrtEngine({folder: VIT})];
    expect(taps.layers).toEqual(ort.layers);
    expect(taps.blocks).toEqual(ort.blocks);
    expect(taps.definition).toBe(ort.definition);
    expect(taps.weights()).toMatchObject(
      ort.weights().map(({name, shape, data, layer}) => ({name, shape, data, layer})),
    );
    expect(taps.randomWeights(5).map(({data}) => data)).toEqual(ort.randomWeights(5).map(({data}) => data));
    taps.setWeights(await readWeights(VIT, {like: taps}));
    await ort.dispose();
    model.dispose();
  });

  it.skipIf(!existsSync('../shared'))(
    'agree on vit-cifar to 1e-4, and with PyTorch (needs ../shared)',
    async () => {
      const expected = await readTensors('test/fixtures/vit-cifar-expected.safetensors');
      const [pixels, seeds] = [imagesOf(expected.get('pixels')!), imagesOf(expected.get('seeds')!)];
      await withoutLeaks(tf, async () => {
        const model = await loadVit(tf, CIFAR);
        const pooling = 'tokens';
        const [taps, ort] = [
          await openTfjsEngine({tf, model, pooling}),
          await openOrtEngine({folder: CIFAR, pooling}),
        ];
        for (const layer of taps.layers) {
          const [own, other] = [await taps.features(pixels, layer), await ort.features(pixels, layer)];
          expect(relativeDifference(own.data, other.data), layer).toBeLessThan(1e-4);
          expect(relativeDifference(own.data, expected.get(layer)!.data), layer).toBeLessThan(1e-4);
          const [mine, theirs] = [
            await taps.lossAndGradient(seeds, layer, other),
            await ort.lossAndGradient(seeds, layer, other),
          ];
          expect(relativeDifference(mine.loss, theirs.loss), layer).toBeLessThan(1e-4);
          expect(relativeDifference(mine.gradient, theirs.gradient), layer).toBeLessThan(1e-4);
        }
        await ort.dispose();
        model.dispose();
      });
    },
  );
});

describe('taps', () => {
  const models: tf.LayersModel[] = [];
  afterEach(() => models.splice(0).forEach(model => model.dispose()));
  const keep = <T extends tf.LayersModel>(model: T): T => (models.push(model), model);

  it('leave no tensor behind, whatever is asked of them', async () => {
    const model = keep(await loadVit(tf, VIT));
    await withoutLeaks(tf, async () => {
      const engine = await openTfjsEngine({
        tf,
        model,
        batch: 2,
        layers: ['block_00', 'block_01/mlp', 'norm'],
        pooling: 'tokens',
      });
      const images = imagesFor(engine, 5, 1);
      const targets = await engine.features(images, 'block_00');
      await engine.features(images, 'block_01/mlp');
      await engine.grams(images);
      await engine.lossAndGradient(imagesFor(engine, 5, 2), 'block_00', targets);
      engine.setWeights(engine.randomWeights(1));
      await expect(engine.lossAndGradient(images, 'norm', targets)).rejects.toThrow(/targets are/);
      await engine.dispose();
    });
  });

  it('read the live model: training shows, and putting weights in force changes the model itself', async () => {
    const model = keep(await loadVit(tf, VIT, {classes: 2}));
    const engine = await openTfjsEngine({tf, model});
    const images = imagesFor(engine, 4, 1);
    const [before, weights] = [await engine.features(images, 'norm'), engine.weights()];
    const optimizer = tf.train.sgd(0.1);
    model.compile({optimizer, loss: (y, logits) => tf.losses.softmaxCrossEntropy(y, logits)});
    const {height, width} = engine.input;
    const [x, y] = [
      tf.randomUniform([4, height, width, 3], 0, 1, 'float32', 1),
      tf.tensor2d([1, 0, 0, 1, 1, 0, 0, 1], [4, 2]),
    ];
    await model.trainOnBatch(x, y);
    expect(await engine.features(images, 'norm')).not.toEqual(before);
    engine.setWeights(weights);
    expect(await engine.features(images, 'norm')).toEqual(before);
    await model.trainOnBatch(x, y);
    optimizer.dispose();
    tf.dispose([x, y]);
  });

  it('give the gradient of max pooling that plain cpu gives, though the wasm kernel is wrong', async () => {
    const image = tf.input({shape: [9, 9, 3]});
    const chain = [
      tf.layers.conv2d({filters: 3, kernelSize: 2}),
      tf.layers.maxPooling2d({poolSize: 2}),
      tf.layers.maxPooling2d({poolSize: 3, strides: 2, padding: 'same', name: 'pooled'}),
      tf.layers.flatten(),
      tf.layers.dense({units: 2}),
    ];
    const logits = chain.reduce((x, layer) => layer.apply(x) as tf.SymbolicTensor, image);
    const model = keep(tf.model({inputs: image, outputs: logits}));
    const taken = [];
    for (const backend of ['wasm', 'cpu']) {
      await tf.setBackend(backend);
      const engine = await openTfjsEngine({tf, model, layers: ['pooled']});
      const targets = await engine.features(imagesFor(engine, 4, 1), 'pooled');
      taken.push((await engine.lossAndGradient(imagesFor(engine, 4, 2), 'pooled', targets)).gradient);
    }
    await tf.setBackend('wasm');
    expect(relativeDifference(taken[0]!, taken[1]!)).toBeLessThan(1e-4);
  });

  it('turn pixels into what the model takes: layout, range, mean and std', async () => {
    const model = keep(
      tf.sequential({layers: [tf.layers.reshape({targetShape: [12], inputShape: [3, 2, 2], name: 'same'})]}),
    );
    const input = {layout: 'NCHW', range: [0, 255], mean: [10, 20, 30], std: 2} as const;
    const engine = await openTfjsEngine({tf, model, input, layers: ['same']});
    const data = Float32Array.from([0, 1, 0.5, 2, 0, 1, 0.5, -1, 0, 1, 0.5, 0.2]);
    const {data: features} = await engine.features(
      {count: 1, channels: 3, height: 2, width: 2, data},
      'same',
    );
    const wanted = [-5, 122.5, 58.75, 122.5, -10, 117.5, 53.75, -10, -15, 112.5, 48.75, 10.5];
    expect(relativeDifference(features, Float32Array.from(wanted))).toBeLessThan(1e-6);
  });

  it('pool tokens of (n, T, D) outputs when asked', async () => {
    const model = keep(await loadVit(tf, VIT));
    const of = async (pooling: 'tokens' | 'cls' | 'mean') => {
      const engine = await openTfjsEngine({tf, model, pooling});
      return engine.features(imagesFor(engine, 2, 1), 'block_01');
    };
    const [tokens, cls, mean] = [await of('tokens'), await of('cls'), await of('mean')];
    const d = cls.width;
    expect(cls.data.subarray(0, d)).toEqual(tokens.data.subarray(0, d));
    let sum = 0;
    for (let at = d; at < tokens.width; at += d) sum += tokens.data[at]!;
    expect(mean.data[0]).toBeCloseTo((sum * d) / (tokens.width - d), 5);
  });

  it("read the branches of a ViT's blocks as onnxruntime does, and their gradients", async () => {
    const model = keep(await loadVit(tf, VIT));
    const layers = ['block_01/*', 'block_01'];
    const engine = await openTfjsEngine({tf, model, layers});
    const other = await openOrtEngine({folder: VIT, layers});
    expect(engine.layers).toEqual(['block_01/attention', 'block_01/mlp', 'block_01']);
    expect([engine.layers, engine.blocks, engine.pooling]).toEqual([
      other.layers,
      other.blocks,
      other.pooling,
    ]);
    expect(
      engine
        .weights()
        .map(({name, layer}) => [name, layer])
        .sort(),
    ).toEqual(
      other
        .weights()
        .map(({name, layer}) => [name, layer])
        .sort(),
    );
    const [images, seeds] = [imagesFor(engine, 2, 1), imagesFor(engine, 2, 2)];
    for (const layer of engine.layers) {
      const [ours, theirs] = [await engine.features(images, layer), await other.features(images, layer)];
      expect(relativeDifference(ours.data, theirs.data), layer).toBeLessThan(1e-5);
      const [a, b] = [
        await engine.lossAndGradient(seeds, layer, theirs),
        await other.lossAndGradient(seeds, layer, theirs),
      ];
      expect(relativeDifference(a.gradient, b.gradient), layer).toBeLessThan(1e-4);
    }
    await other.dispose();
  });

  it('refuse weights that are not finite, a model without images, and a layer that is not there', async () => {
    const model = keep(await loadVit(tf, VIT));
    model
      .getLayer('block_01')
      .weights[2]!.write(tf.fill(model.getLayer('block_01').weights[2]!.shape as number[], NaN));
    await expect(openTfjsEngine({tf, model})).rejects.toThrow(/blocks\.1\.attn\.q\.weight holds NaN/);
    const flat = keep(tf.sequential({layers: [tf.layers.dense({units: 2, inputShape: [5]})]}));
    await expect(openTfjsEngine({tf, model: flat})).rejects.toThrow(/takes \[null, 5\]; one input of images/);
  });
});
