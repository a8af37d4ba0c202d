import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {thin} from '../../src/measure/thin-out.js';

describe('thin', () => {
  it('gives up the snapshots nearest to the one before, and keeps the first and the newest', () => {
    expect(thin([0, 10, 20, 30], 4)).toEqual([]);
    expect(thin([0, 10, 11, 20], 3)).toEqual([11]);
    expect(thin([0, 1, 2, 4, 8, 16, 32], 4)).toEqual([1, 2, 4]);
  });

  it('spreads what is left evenly, however long the wait', () => {
    const waiting: number[] = [];
    for (let step = 0; step <= 10_000; step += 100) {
      waiting.push(step);
      const given = new Set(thin(waiting, 16));
      waiting.splice(0, waiting.length, ...waiting.filter(one => !given.has(one)));
    }
    expect(waiting).toHaveLength(16);
    expect([waiting[0], waiting.at(-1)]).toEqual([0, 10_000]);
    const gaps = waiting.slice(1).map((step, i) => step - waiting[i]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(20 * 100);
  });

  it('leaves no more than the limit, and both ends', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(), {minLength: 2}), fc.integer({min: 2, max: 20}), (steps, limit) => {
        const sorted = steps.sort((a, b) => a - b);
        const given = new Set(thin(sorted, limit));
        expect(sorted.length - given.size).toBe(Math.min(limit, sorted.length));
        expect(given.has(sorted[0]!) || given.has(sorted.at(-1)!)).toBe(false);
      }),
    );
  });
});
