import {readdirSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {openOrtEngine} from '../../../src/engine/index.js';
import {imagesOf, readTensors, relativeDifference} from '../tensors.js';

/** Tiny models with random weights, and what transformers or timm compute with them: scripts/architecture-fixtures.py. */
const fixtures = 'test/fixtures/architectures';

describe.each(readdirSync(fixtures))('%s computes what Python computes', name => {
  const folder = `${fixtures}/${name}`;

  it('in every layer, every branch of a block, the logits, the loss and its gradient', async () => {
    const engine = await openOrtEngine({folder, batch: 2, pooling: 'tokens', layers: ['**']});
    expect(engine.layers.slice(0, 3)).toEqual(['block_00/attention', 'block_00/mlp', 'block_00']);
    const expected = await readTensors(`${folder}/expected.safetensors`);
    const pixels = imagesOf(expected.get('pixels')!);
    const seeds = imagesOf(expected.get('seeds')!);
    for (const layer of engine.layers) {
      const {data} = await engine.features(pixels, layer);
      expect(relativeDifference(data, expected.get(layer)!.data), layer).toBeLessThan(1e-5);
    }
    const logits = expected.get('logits');
    if (logits)
      expect(relativeDifference((await engine.logits(pixels)).data, logits.data)).toBeLessThan(1e-5);
    for (const layer of ['block_00', 'norm']) {
      const targets = await engine.features(pixels, layer);
      const {loss, gradient} = await engine.lossAndGradient(seeds, layer, targets);
      expect(relativeDifference(loss, expected.get(`loss.${layer}`)!.data)).toBeLessThan(1e-5);
      expect(relativeDifference(gradient, expected.get(`gradient.${layer}`)!.data)).toBeLessThan(1e-4);
    }
    await engine.dispose();
  });
});
