import {existsSync} from 'node:fs';
import {expect, test} from 'vitest';
import {drawDemoScenes} from '../../src/cli/demo/draw-scenes.js';
import {render} from '../../src/cli/demo/scenes.js';
import {openOrtEngine} from '../../src/engine/index.js';
import {createMeasurer} from '../../src/measure/index.js';
import {withheldBy} from '../../src/metrics/index.js';
import {readTensorImages} from '../../src/probes/tensor-images.js';
import {pickImages} from '../../src/images.js';
import type {Images} from '../../src/types.js';

/** Share of the layers that can have a score when nothing but the model and the probes is given. */
async function scoredShare(folder: string, probes: Images): Promise<number> {
  const engine = await openOrtEngine({folder});
  expect(engine.pooling).toBe('cls');
  const {baseline, dispose} = await createMeasurer({engine, probes, factors: 'none'});
  const withheld = baseline.layers.filter((_, i) => withheldBy(baseline, i) !== null);
  await dispose();
  return 1 - withheld.length / baseline.layers.length;
}

test('a default reading of the demo scores at least 90 % of its layers', {timeout: 600_000}, async () => {
  const {probes} = drawDemoScenes(0);
  expect(await scoredShare('examples/demo/vit', render(probes.slice(0, 32)))).toBeGreaterThanOrEqual(0.9);
});

const cifar = '../shared/models/vit-cifar';
test.skipIf(!existsSync(cifar))(
  'a default reading of a real ViT scores at least 90 % of its layers (needs ../shared)',
  {timeout: 1_200_000},
  async () => {
    const probes = await readTensorImages(`${cifar}/probes.safetensors`, 'images');
    expect(
      await scoredShare(`${cifar}/pretrained`, pickImages(probes, [...Array(32).keys()])),
    ).toBeGreaterThanOrEqual(0.9);
  },
);
