import {describe, expect, it} from 'vitest';
import {bootstrapCka, cka, gramOf, selectImages} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
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

  it('runs between the 2.5 % and 97.5 % quantiles of the half-samples that its seed draws', () => {
    const [K, L] = relatedGrams(21, 3);
    const halves = (samples: number): number[] => {
      const random = seededRandom(7);
      const values = Array.from({length: samples}, () => {
        const half = random.permutation(21).subarray(0, 10);
        return valueOf(cka(selectImages(K, half), selectImages(L, half), 'unbiased'));
      });
      return values.sort((a, b) => a - b);
    };
    // Of 41 values, 2.5 % are the first step from the lowest; of 21, half a step.
    const many = halves(41);
    expect(bootstrapCka(K, L, {samples: 41, seed: 7})).toEqual({
      low: expect.closeTo(many[1]!, 12),
      high: expect.closeTo(many[39]!, 12),
    });
    const few = halves(21);
    expect(bootstrapCka(K, L, {samples: 21, seed: 7})).toEqual({
      low: expect.closeTo((few[0]! + few[1]!) / 2, 12),
      high: expect.closeTo((few[19]! + few[20]!) / 2, 12),
    });
  });

  it('draws 200 half-samples from seed 0 where nothing else is said', () => {
    const [K, L] = relatedGrams(20, 3);
    expect(bootstrapCka(K, L)).toEqual(bootstrapCka(K, L, {samples: 200, seed: 0}));
  });

  it('is null where the layer varies on so few images that it is constant on a half of them', () => {
    const K = gramOf({count: 8, width: 1, data: Float64Array.of(1, 2, 0, 0, 0, 0, 0, 0)});
    const L = normalGram(8, 3, 1);
    expect(cka(K, L, 'unbiased').status).toBe('scored');
    expect(bootstrapCka(K, L, {samples: 20})).toBeNull();
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
