import {describe, expect, it} from 'vitest';
import {bootstrapCka, cka, exactCka, gramOf} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import type {Gram} from '../../src/types.js';
import {normalGram, valueOf, type Rows} from './samples.js';

/** Two layers of which one is the other under noise; images drawn from one population. */
function relatedLayers(count: number, seed: number): [Rows, Rows] {
  const width = 30;
  const random = seededRandom(seed);
  const a = new Float64Array(count * width);
  const b = new Float64Array(count * width);
  for (let index = 0; index < a.length; index++) {
    const scale = ((index % width) + 1) ** -0.5;
    a[index] = scale * random.normal();
    b[index] = a[index]! + 0.5 * scale * random.normal();
  }
  return [
    {count, width, data: a},
    {count, width, data: b},
  ];
}

function relatedGrams(count: number, seed: number): [Gram, Gram] {
  const [a, b] = relatedLayers(count, seed);
  return [gramOf(a), gramOf(b)];
}

describe('bootstrapCka', () => {
  it.each([24, 48, 96])('covers the population value in about 95 of 100 samples of %i images', count => {
    const everything = exactCka();
    everything.add(...relatedLayers(20_000, 12345));
    const population = valueOf(everything.similarity('unbiased'));
    const trials = 150;
    let covered = 0;
    for (let trial = 0; trial < trials; trial++) {
      const sample = relatedGrams(count, trial);
      const {low, high} = bootstrapCka(...sample, {samples: 100, seed: trial})!;
      if (low <= population && population <= high) covered++;
    }
    expect(covered / trials).toBeGreaterThan(0.9);
    expect(covered / trials).toBeLessThan(0.995);
  });

  it('is as wide as the estimate really spreads over samples', () => {
    const estimates = Array.from({length: 200}, (_, seed) =>
      valueOf(cka(...relatedGrams(64, seed), 'unbiased')),
    );
    const mean = estimates.reduce((sum, value) => sum + value, 0) / estimates.length;
    const spread = Math.sqrt(
      estimates.reduce((sum, value) => sum + (value - mean) ** 2, 0) / estimates.length,
    );
    const widths = Array.from({length: 30}, (_, seed) => {
      const {low, high} = bootstrapCka(...relatedGrams(64, seed))!;
      return high - low;
    });
    const width = widths.reduce((sum, value) => sum + value, 0) / widths.length;
    expect(width / (2 * 1.96 * spread)).toBeGreaterThan(0.85);
    expect(width / (2 * 1.96 * spread)).toBeLessThan(1.2);
  });

  it('holds the value itself, stays at or under 1, and is a point for a layer with itself', () => {
    for (let seed = 0; seed < 30; seed++) {
      const [K, L] = relatedGrams(12, seed);
      const value = valueOf(cka(K, L, 'unbiased'));
      const {low, high} = bootstrapCka(K, L, {samples: 20})!;
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
      expect(high).toBeLessThanOrEqual(1);
      expect(bootstrapCka(K, K)).toEqual({low: 1, high: 1});
    }
  });

  it('is the same for the same seed and differs for another', () => {
    const [K, L] = relatedGrams(20, 3);
    expect(bootstrapCka(K, L, {seed: 4})).toEqual(bootstrapCka(K, L, {seed: 4}));
    expect(bootstrapCka(K, L, {seed: 4})).not.toEqual(bootstrapCka(K, L, {seed: 5}));
  });

  it('is null under 8 images and where the similarity is withheld', () => {
    expect(bootstrapCka(normalGram(7, 3, 1), normalGram(7, 3, 2))).toBeNull();
    expect(bootstrapCka(normalGram(8, 3, 1), normalGram(8, 3, 2))).not.toBeNull();
    const constant = gramOf({count: 9, width: 2, data: new Float32Array(18).fill(1)});
    expect(bootstrapCka(normalGram(9, 3, 1), constant)).toBeNull();
  });
});
