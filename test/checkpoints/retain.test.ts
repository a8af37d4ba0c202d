import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {bestOf, retain, type Kept} from '../../src/checkpoints/retain.js';

describe('retain', () => {
  it('keeps the newest', () => {
    const checkpoints = [10, 20, 30, 40].map(step => ({step, value: null}));
    expect(retain(checkpoints, {keep: 2, mode: 'max'})).toEqual({
      keep: [40, 30],
      remove: [20, 10],
      best: null,
    });
  });

  it('keeps the best beside them, whichever way is better', () => {
    const checkpoints = [0.3, 0.9, 0.1, 0.5].map((value, i) => ({step: 10 * (i + 1), value}));
    expect(retain(checkpoints, {keep: 1, mode: 'max'})).toEqual({keep: [40, 20], remove: [30, 10], best: 20});
    expect(retain(checkpoints, {keep: 1, mode: 'min'})).toEqual({keep: [40, 30], remove: [20, 10], best: 30});
  });

  it('waits for values that are still being measured', () => {
    const checkpoints: Kept[] = [
      {step: 10, value: 'pending'},
      {step: 20, value: 0.5},
      {step: 30, value: 0.1},
    ];
    expect(retain(checkpoints, {keep: 1, mode: 'max'}).remove).toEqual([]);
    checkpoints[0]!.value = 0.2;
    expect(retain(checkpoints, {keep: 1, mode: 'max'}).remove).toEqual([10]);
  });

  it('gives ties to the earlier one and never takes NaN for the best', () => {
    expect(
      bestOf(
        [
          {step: 20, value: 1},
          {step: 10, value: 1},
        ],
        'max',
      ),
    ).toEqual({step: 10, value: 1});
    expect(
      bestOf(
        [
          {step: 10, value: NaN},
          {step: 20, value: 0},
        ],
        'max',
      ),
    ).toEqual({step: 20, value: 0});
  });

  it('never removes the newest, the best or a pending one, and splits all there are', () => {
    const kept = fc.record({
      step: fc.nat(1000),
      value: fc.oneof(fc.double({noNaN: true}), fc.constant(null), fc.constant('pending' as const)),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(kept, {selector: ({step}) => step}),
        fc.integer({min: 1, max: 5}),
        fc.constantFrom('min' as const, 'max' as const),
        (checkpoints, keep, mode) => {
          const result = retain(checkpoints, {keep, mode});
          const removed = new Set(result.remove);
          expect([...result.keep, ...result.remove].sort()).toEqual(checkpoints.map(({step}) => step).sort());
          expect(result.keep.length).toBeGreaterThanOrEqual(Math.min(keep, checkpoints.length));
          expect(result.best === null || !removed.has(result.best)).toBe(true);
          expect(checkpoints.some(({step, value}) => value === 'pending' && removed.has(step))).toBe(false);
          const newest = Math.max(...checkpoints.map(({step}) => step));
          expect(removed.has(newest)).toBe(false);
        },
      ),
    );
  });
});
