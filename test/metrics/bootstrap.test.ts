import {describe, expect, it} from 'vitest';
import {bootstrapCka, cka, gramOf} from '../../src/metrics/index.js';
import {normalGram, relatedGrams, valueOf} from './samples.js';

describe('bootstrapCka', () => {
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
