import {describe, expect, it} from 'vitest';
import {seededRandom} from '../src/random.js';

const draw = (n: number, next: () => number) => Array.from({length: n}, next);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('seededRandom', () => {
  it('gives the numbers of sfc32, for ever: caches and fingerprints depend on them', () => {
    const random = seededRandom(0);
    expect(draw(3, random.uniform)).toMatchInlineSnapshot(`
      [
        0.7683905542347281,
        0.048316842803767246,
        0.04500053875174681,
      ]
    `);
    expect(draw(3, random.normal)).toMatchInlineSnapshot(`
      [
        -2.1185860088384767,
        1.119913183069467,
        -0.2703836615868801,
      ]
    `);
  });

  it('gives the same stream for the same seed and another for every other seed', () => {
    for (const seed of [0, 1, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 52]) {
      expect(draw(5, seededRandom(seed).uniform)).toEqual(draw(5, seededRandom(seed).uniform));
      expect(draw(5, seededRandom(seed).uniform)).not.toEqual(draw(5, seededRandom(seed + 1).uniform));
    }
    expect(draw(5, seededRandom(1).uniform)).not.toEqual(draw(5, seededRandom(1 + 2 ** 32).uniform));
  });

  it('draws uniforms evenly over [0, 1)', () => {
    const bins = new Array<number>(16).fill(0);
    for (const value of draw(160_000, seededRandom(7).uniform)) bins[Math.floor(value * 16)]!++;
    const chiSquare = bins.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(37.7); // 99.9 % point of χ² with 15 degrees of freedom
    expect(bins).toHaveLength(16);
  });

  it('draws normals with the moments of the standard normal, successive ones uncorrelated', () => {
    const values = draw(200_000, seededRandom(3).normal);
    expect(Math.abs(mean(values))).toBeLessThan(0.01);
    expect(Math.abs(mean(values.map(v => v * v)) - 1)).toBeLessThan(0.02);
    expect(Math.abs(mean(values.map(v => v ** 3)))).toBeLessThan(0.03);
    expect(Math.abs(mean(values.map(v => v ** 4)) - 3)).toBeLessThan(0.1);
    expect(Math.abs(mean(values.slice(1).map((v, i) => v * values[i]!)))).toBeLessThan(0.01);
  });

  it('permutes: every number once, every place equally likely', () => {
    const random = seededRandom(11);
    const places = new Array<number>(6).fill(0);
    for (let round = 0; round < 12_000; round++) {
      const order = random.permutation(6);
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5]);
      places[order.indexOf(0)]!++;
    }
    const chiSquare = places.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    expect(chiSquare).toBeLessThan(20.5); // 99.9 % point of χ² with 5 degrees of freedom
  });
});
