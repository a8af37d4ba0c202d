import {existsSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {openOrtEngine} from '../../../src/engine/index.js';
import {imagesOf, readTensors, relativeDifference} from '../tensors.js';

const shared = '../shared';

describe.skipIf(!existsSync(shared))('the models of ../shared (skipped where it is absent)', () => {
  it('vit-cifar computes what transformers computes: every layer, logits, gradient', async () => {
    const engine = await openOrtEngine({folder: `${shared}/models/vit-cifar/pretrained`, pooling: 'tokens'});
    const expected = await readTensors('test/fixtures/vit-cifar-expected.safetensors');
    const pixels = imagesOf(expected.get('pixels')!);
    for (const layer of engine.layers) {
      const {data} = await engine.features(pixels, layer);
      expect(relativeDifference(data, expected.get(layer)!.data), layer).toBeLessThan(1e-5);
    }
    expect(relativeDifference((await engine.logits(pixels)).data, expected.get('logits')!.data)).toBeLessThan(
      1e-5,
    );
    for (const layer of ['block_00', 'norm']) {
      const targets = await engine.features(pixels, layer);
      const seeds = imagesOf(expected.get('seeds')!);
      const {gradient} = await engine.lossAndGradient(seeds, layer, targets);
      expect(relativeDifference(gradient, expected.get(`gradient.${layer}`)!.data), layer).toBeLessThan(1e-4);
    }
    await engine.dispose();
  });

  it.each([
    ['block_00', 0],
    ['block_02', 2],
  ] as const)('three gradient steps at %s reach the pixels of the official STIR', async (layer, index) => {
    const engine = await openOrtEngine({
      folder: `${shared}/oracles/stir/pretrained`,
      batch: 16,
      pooling: 'tokens',
    });
    const inputs = await readTensors(`${shared}/oracles/stir/inputs.safetensors`);
    const inverted = await readTensors(`${shared}/oracles/stir/inverted_short.safetensors`);
    const targets = await engine.features(imagesOf(inputs.get('images')!), layer);
    let x = imagesOf(inputs.get('seeds')!);
    const size = x.data.length / x.count;
    for (let step = 0; step < 3; step++) {
      const {gradient} = await engine.lossAndGradient(x, layer, targets);
      const lengths = Array.from({length: x.count}, (_, i) =>
        Math.hypot(...gradient.subarray(i * size, (i + 1) * size)),
      );
      const stepped = (value: number, i: number) =>
        value - (0.5 * gradient[i]!) / lengths[Math.floor(i / size)]!;
      x = {...x, data: x.data.map((value, i) => Math.min(1, Math.max(0, stepped(value, i))))};
    }
    const official = inverted.get(`inverted.steps3.layer${index}`)!.data;
    expect(relativeDifference(x.data, official)).toBeLessThan(1e-3);
    await engine.dispose();
  });
});
