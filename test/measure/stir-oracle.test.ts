import {existsSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {beforeAll, describe, expect, test} from 'vitest';
import {openOrtEngine, readWeights, type Engine} from '../../src/engine/index.js';
import {inversionOptions, invertLayer} from '../../src/inversion/index.js';
import {cka} from '../../src/metrics/index.js';
import {createMeasurer} from '../../src/measure/measurer.js';
import {readTensorImages} from '../../src/probes/tensor-images.js';
import type {Images, Matrix} from '../../src/types.js';

const folder = '../shared/oracles/stir';

interface Expected {
  short: Record<string, {R_layer0_layer4: [number, number]}>;
  steps200: {
    R: number[][];
    A: number[][];
    cka: number[][];
    W0_diagonal: number[];
    noise_control_diagonal: number[];
    random_init_control_diagonal: number[];
  };
}

describe.skipIf(!existsSync(folder))('the official STIR code agrees (needs ../shared)', () => {
  let engine: Engine;
  let probes: Images;
  let seeds: Images;
  let expected: Expected;
  beforeAll(async () => {
    engine = await openOrtEngine({folder: `${folder}/pretrained`, pooling: 'tokens'});
    probes = await readTensorImages(`${folder}/inputs.safetensors`, 'images');
    seeds = await readTensorImages(`${folder}/inputs.safetensors`, 'seeds');
    expected = JSON.parse(await readFile(`${folder}/expected.json`, 'utf8')) as Expected;
  });

  test.each([1, 3, 10].flatMap(steps => [0, 2, 4].map(layer => ({steps, layer}))))(
    'after $steps steps on layer $layer: pixels and R within 1e-3',
    async ({steps, layer}) => {
      const {images} = await invertLayer({
        engine,
        layer: engine.layers[layer]!,
        probes,
        seeds,
        options: inversionOptions({preset: 'stir', steps}),
      });
      const official = await readTensorImages(
        `${folder}/inverted_short.safetensors`,
        `inverted.steps${steps}.layer${layer}`,
      );
      const differences = images.data.map((value, at) => Math.abs(value - official.data[at]!));
      expect(Math.max(...differences)).toBeLessThan(1e-3);

      const finetuned = await openOrtEngine({folder: `${folder}/finetuned`, pooling: 'tokens'});
      const [own, inverted] = [await finetuned.grams(probes), await finetuned.grams(images)];
      const R = expected.short[`it${steps}_layer${layer}`]!.R_layer0_layer4;
      [0, 4].forEach((column, at) => {
        const similarity = cka(own[column]!, inverted[column]!, 'biased');
        expect(similarity.status === 'scored' && Math.abs(similarity.value - R[at]!)).toBeLessThan(1e-3);
      });
      await finetuned.dispose();
    },
  );

  async function noiseControl(estimator: 'biased' | 'unbiased'): Promise<(number | null)[]> {
    const [own, noise] = [await engine.grams(probes), await engine.grams(seeds)];
    return own.map((gram, layer) => {
      const similarity = cka(gram, noise[layer]!, estimator);
      return similarity.status === 'scored' ? similarity.value : null;
    });
  }

  test('after 200 steps: R, A, W0, drift and the controls within .06', {timeout: 600_000}, async () => {
    const {baseline, read} = await createMeasurer({
      engine,
      probes,
      seeds,
      floor: [await readWeights(`${folder}/random`, {like: engine})],
      inversion: inversionOptions({preset: 'stir', steps: 200}),
    });
    const finetuned = await readWeights(`${folder}/finetuned`, {like: engine});
    const reading = await read({
      weights: finetuned,
      moment: {step: 1, epoch: null, time: 0, logged: {}},
      acquire: true,
    });
    const official = expected.steps200;
    expectNear(reading.retention.biased, official.R);
    expectNear(reading.acquired!.similarity.biased, official.A);
    expectNear(
      reading.drift.biased.map(row => row.map(value => 1 - value!)),
      official.cka,
      1e-4,
    );
    expectNear([diagonal(baseline.ceiling.biased)], [official.W0_diagonal]);
    expectNear([diagonal(baseline.floor.biased)], [official.random_init_control_diagonal]);
    expect(baseline.controls.noise).toEqual(await noiseControl('unbiased'));
    // The official control runs on the finetuned model.
    engine.setWeights(finetuned);
    expectNear([await noiseControl('biased')], [official.noise_control_diagonal], 1e-4);
  });
});

function expectNear(actual: Matrix, official: number[][], tolerance = 0.06): void {
  const worst = official.flatMap((row, i) => row.map((value, j) => Math.abs(actual[i]![j]! - value)));
  expect(Math.max(...worst)).toBeLessThan(tolerance);
}

function diagonal(matrix: Matrix): (number | null)[] {
  return matrix.map((row, i) => row[i]!);
}
