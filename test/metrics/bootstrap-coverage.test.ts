import {describe, expect, it} from 'vitest';
import {bootstrapCka, cka, exactCka} from '../../src/metrics/index.js';
import {relatedGrams, relatedLayers, valueOf} from './samples.js';

describe('the interval of bootstrapCka, over many samples of a population', () => {
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
});
