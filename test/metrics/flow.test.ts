import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {compression, flow, type ScoredBy} from '../../src/metrics/index.js';
import type {Matrix} from '../../src/types.js';
import {both, gateOf} from './samples.js';

/** Retention of blocks whose invariances sit `shift` blocks from home, over a floor of 0.2, then a final norm. */
function retentionOf(depth: number, shift: number): Matrix {
  return Array.from({length: depth + 1}, (_, i) =>
    Array.from({length: depth + 1}, (_, j) => 0.2 + 0.7 * Math.exp(-((j - i - shift) ** 2))),
  );
}
const floorOf = (depth: number): Matrix =>
  Array.from({length: depth + 1}, () => new Array<number>(depth + 1).fill(0.2));
/** A pretrained model that shows all of everything over this floor; its inversions pass in all layers but those named. */
const baselineOf = (floor: Matrix, failed: readonly number[] = []): ScoredBy => ({
  ceiling: both(floor.map(row => row.map(() => 1))),
  floor: both(floor),
  gates: floor.map((_, i) => gateOf({layer: `layer_${i}`, fvu: failed.includes(i) ? 0.2 : 0.01})),
});
const blocksOf = (depth: number) => Array.from({length: depth}, (_, block) => block);

function flowOf(depth: number, shift: number, failed: readonly number[] = []) {
  return flow({
    retention: both(retentionOf(depth, shift)),
    baseline: baselineOf(floorOf(depth), failed),
    blocks: blocksOf(depth),
  });
}

describe('flow', () => {
  it('finds each block at home in a model that keeps them there, and knows nothing of other layers', () => {
    const {centre, strongest} = flowOf(9, 0);
    expect(strongest).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, null]);
    expect(centre[4]).toBeCloseTo(4, 6);
    expect(centre[9]).toBeNull();
  });

  it('is the weighted mean of positions above the floor', () => {
    const retention = both([
      [0.5, 0.7],
      [0.1, 0.6],
    ]);
    const baseline = baselineOf([
      [0.4, 0.4],
      [0.4, 0.4],
    ]);
    expect(flow({retention, baseline, blocks: [0, 1]}).centre).toEqual([expect.closeTo(0.75, 12), 1]);
  });

  it('counts positions among the blocks, and names columns among the layers', () => {
    const retention = both([
      [9, 9, 9],
      [9, 0.4, 0.6],
      [9, 0.5, 0.9],
    ]);
    const baseline = baselineOf([0, 1, 2].map(() => [0, 0.4, 0.4]));
    const {centre, strongest} = flow({retention, baseline, blocks: [1, 2]});
    expect(centre).toEqual([null, 1, expect.closeTo(5 / 6, 12)]);
    expect(strongest).toEqual([null, 2, 2]);
  });

  it('knows nothing of a block whose inversion did not converge, and all of the others', () => {
    const {centre, strongest} = flowOf(4, 0, [2]);
    expect(strongest).toEqual([0, 1, null, 3, null]);
    expect(centre.map(value => value === null)).toEqual([false, false, true, false, true]);
  });

  it('knows nothing of a block that has no score, since even a random network comes close to its ceiling', () => {
    const floor = floorOf(4);
    floor[2]![2] = 0.95;
    expect(
      flow({retention: both(retentionOf(4, 0)), baseline: baselineOf(floor), blocks: blocksOf(4)}).strongest,
    ).toEqual([0, 1, null, 3, null]);
  });

  it('is null where nothing is above the floor or a value is withheld', () => {
    const baseline = baselineOf([
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
    const retention = both([
      [0.5, 0.4],
      [0.9, null],
    ]);
    expect(flow({retention, baseline, blocks: [0, 1]})).toEqual({
      centre: [null, null],
      strongest: [null, null],
    });
    const unknown = baselineOf([
      [0.5, null],
      [0.5, 0.5],
    ]);
    const kept = both([
      [0.9, 0.9],
      [0.9, 0.5],
    ]);
    expect(flow({retention: kept, baseline: unknown, blocks: [0, 1]}).strongest).toEqual([null, 0]);
  });
});

describe('compression', () => {
  const between = (depth: number, shift: number) =>
    compression({
      initial: flowOf(depth, 0).centre,
      current: flowOf(depth, shift).centre,
      blocks: blocksOf(depth),
    });

  it("is positive when deep layers' invariances move to shallower ones, as finetuning does, else negative", () => {
    fc.assert(
      fc.property(
        fc.integer({min: 4, max: 24}),
        fc.double({min: 0.2, max: 1.5, noNaN: true}),
        (depth, shift) => {
          expect(between(depth, -shift).mean).toBeGreaterThan(0);
          expect(between(depth, shift).mean).toBeLessThan(0);
        },
      ),
    );
  });

  it('is the whole depth where the deeper of two blocks moved into the shallower', () => {
    expect(compression({initial: [0, 1], current: [0, 0], blocks: [0, 1]})).toEqual({
      layers: [0, 1],
      mean: 1,
    });
  });

  it('is 0 while nothing has moved', () => {
    const {layers, mean} = between(6, 0);
    expect(layers).toEqual([0, 0, 0, 0, 0, 0, null]);
    expect(mean).toBe(0);
  });

  it('counts in shares of the depth, over the deeper half', () => {
    const initial = [0, 1, 2, 3, 4];
    const current = [0, 1, 2, 2, 2];
    expect(compression({initial, current, blocks: [0, 1, 2, 3, 4]})).toEqual({
      layers: [0, 0, 0, 0.25, 0.5],
      mean: 0.375,
    });
    expect(compression({initial, current, blocks: [0, 1, 2, 3]}).mean).toBeCloseTo(1 / 6, 12);
  });

  it('has no mean unless every layer of the deeper half is known, and none for a single block', () => {
    const initial = [0, 1, 2, 3];
    expect(compression({initial, current: [0, 1, 2, null], blocks: [0, 1, 2, 3]})).toEqual({
      layers: [0, 0, 0, null],
      mean: null,
    });
    expect(compression({initial: [0, null], current: [0, 1], blocks: [0, 1]})).toEqual({
      layers: [0, null],
      mean: null,
    });
    expect(compression({initial: [], current: [], blocks: []})).toEqual({layers: [], mean: null});
    expect(compression({initial: [0], current: [0], blocks: [0]})).toEqual({layers: [null], mean: null});
  });
});
