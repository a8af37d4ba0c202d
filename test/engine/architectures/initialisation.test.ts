import {readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {drawn} from '../../../src/engine/architectures/draw.js';
import {families} from '../../../src/engine/architectures/families.js';
import {nameOnDisk} from '../../../src/engine/architectures/names.js';
import {writeNetwork} from '../../../src/engine/architectures/network.js';
import type {TensorSource} from '../../../src/models/index.js';
import {seededRandom} from '../../../src/random.js';

interface Drawn {
  config: Record<string, unknown>;
  /** Mean and standard deviation of each tensor as transformers drew it. */
  tensors: Record<string, [number, number]>;
}

const python = JSON.parse(readFileSync('test/fixtures/initialisation.json', 'utf8')) as Record<string, Drawn>;
const normalisation = {mean: [0, 0, 0], std: [1, 1, 1]};
const noTensors = {has: () => false} as unknown as TensorSource;

/** Standard errors between two samples that count as the same distribution. */
const ERRORS = 5;

it("draws MAE's positions for as many patches as a real model has", () => {
  const family = families.find(({name}) => name === 'MAE')!;
  const config = {hidden_size: 768, image_size: 224, patch_size: 16};
  const draw = family.draw('pos_embed', {shape: [197, 768], spec: family.spec(config, noTensors), config});
  expect(drawn(draw, 197 * 768, seededRandom(1)).subarray(768, 770)).toEqual(Float32Array.of(0, 0));
});

describe.each(Object.entries(python))('fresh weights of %s', (name, {config, tensors}) => {
  it('are distributed as transformers draws them', () => {
    const family = families.find(each => each.name === name)!;
    const spec = family.spec(config, noTensors);
    const {parameters} = writeNetwork({spec, normalisation});
    expect(parameters.length).toBeGreaterThan(20);
    for (const {name: canonical, shape} of parameters) {
      const count = shape.reduce((product, size) => product * size, 1);
      const draw = family.draw(canonical, {shape, spec, config: config});
      const data = drawn(draw, count, seededRandom(1));
      const names = family.names.map(each => nameOnDisk(each, canonical)?.name ?? '');
      const [mean, deviation] = tensors[names.find(each => each in tensors)!]!;
      const own = data.reduce((sum, value) => sum + value, 0) / count;
      const spread = Math.sqrt(data.reduce((sum, value) => sum + (value - own) ** 2, 0) / count);
      const error = Math.SQRT2 * (deviation / Math.sqrt(count)) + 1e-6;
      expect(Math.abs(own - mean), `mean of ${canonical}`).toBeLessThan(ERRORS * error);
      expect(Math.abs(spread - deviation), `deviation of ${canonical}`).toBeLessThan(ERRORS * error);
    }
  });
});
