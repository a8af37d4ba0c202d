import {existsSync} from 'node:fs';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {availableParallelism, tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {inversionOptions} from '../../src/inversion/index.js';
import {startChildMeasurer, type ChildMeasurer} from '../../src/measure/child/child-measurer.js';
import type {Estimates} from '../../src/types.js';

const model = '../shared/models/vit-cifar';

interface Expected {
  R_biased: number[][];
  R_unbiased: number[][];
  drift_unbiased_diag: number[];
}

describe.skipIf(!existsSync(model))('an independent PyTorch reference agrees (needs ../shared)', () => {
  let folder: string;
  let measurer: ChildMeasurer;
  let expected: Record<string, Expected> & {quality: {rel: number; fvu: number}[]};
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'invariance-cifar-'));
    expected = JSON.parse(await readFile(`${model}/expected.json`, 'utf8'));
    measurer = startChildMeasurer({
      pretrained: `${model}/pretrained`,
      pooling: 'tokens',
      probes: `${model}/probes.safetensors:images`,
      seeds: `${model}/probes.safetensors:seeds`,
      floor: [`${model}/random`],
      inversion: inversionOptions({preset: 'stir', steps: 100}),
      cache: join(folder, 'cache'),
      workers: availableParallelism(),
    });
  });
  afterAll(async () => {
    await measurer.close();
    await rm(folder, {recursive: true, force: true});
  });

  test('the ceiling, the floor and the quality of the inversions', {timeout: 1_200_000}, async () => {
    const {ceiling, floor, gates} = await measurer.baseline();
    expectNear(ceiling, expected.W0!);
    expectNear(floor, expected.floor_random_init!);
    gates.forEach(({rel, fvu}, layer) => {
      expect(Math.abs(rel! - expected.quality[layer]!.rel)).toBeLessThan(0.02);
      expect(Math.abs(fvu! - expected.quality[layer]!.fvu)).toBeLessThan(0.02);
    });
  });

  test.each([25, 50, 100, 200, 400])('retention and drift at step %i', async step => {
    const reading = await measurer.read({
      folder: `${model}/finetune/checkpoint-${step}`,
      moment: {step, epoch: null, time: 0, logged: {}},
      convergence: false,
    });
    const reference = expected[`checkpoint-${step}`]!;
    expectNear(reading.retention, reference);
    reference.drift_unbiased_diag.forEach((value, layer) =>
      expect(reading.drift.unbiased[layer]![layer]).toBeCloseTo(value, 4),
    );
  });
});

function expectNear(actual: Estimates, {R_biased, R_unbiased}: Expected): void {
  for (const [ours, reference] of [
    [actual.biased, R_biased],
    [actual.unbiased, R_unbiased],
  ] as const)
    reference.forEach((row, i) =>
      row.forEach((value, j) => expect(Math.abs(ours[i]![j]! - value)).toBeLessThan(0.06)),
    );
}
