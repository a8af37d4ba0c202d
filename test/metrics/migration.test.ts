import {describe, expect, it} from 'vitest';
import {
  cka,
  ckaOfHalves,
  gramOf,
  halfSamples,
  halfSums,
  migration,
  packHalves,
  selectImages,
  unpackHalves,
  type Halves,
} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import type {Matrix, Score} from '../../src/types.js';
import {both, gateOf, normalGram, rowsOf, valueOf} from './samples.js';

const blocks = [0, 1, 2];
const gates = [0, 1, 2].map(() => gateOf({fvu: 0.01}));
const flat = (value: number): Matrix => blocks.map(() => blocks.map(() => value));

/** Half-samples of every entry around its value, with noise of their own; the same noise for the same stream. */
function halvesOf(matrix: Matrix, {noise, stream}: {noise: number; stream: number}): Halves[][] {
  const random = seededRandom(stream);
  return matrix.map(row =>
    row.map(value => Float64Array.from({length: 200}, () => value! + noise * random.normal())),
  );
}

function migrationOf(retention: Matrix, ceiling: Matrix, noise = {after: 0.01, before: 0.01, paired: false}) {
  return migration({
    retention: both(retention),
    ceiling: both(ceiling),
    halves: {
      retention: halvesOf(retention, {noise: noise.after, stream: 5}),
      ceiling: halvesOf(ceiling, {noise: noise.before, stream: noise.paired ? 5 : 6}),
    },
    blocks,
    gates,
  });
}

const scored = (score: Score) => {
  if (score.status === 'withheld') throw new Error(score.reason);
  return score;
};

describe('migration', () => {
  it('is nothing at all, surely, where nothing changed', () => {
    const {gain, loss, arrival} = migrationOf(flat(0.9), flat(0.9), {after: 0.1, before: 0.1, paired: true});
    for (const score of [...gain, ...loss])
      expect(score).toEqual({status: 'scored', value: 0, low: 0, high: 0});
    expect(arrival).toEqual([null, null, null]);
  });

  it('tells a loss in the deep blocks, which moves the centre of mass up, from a move', () => {
    const after = [...flat(0.8).slice(0, 2), [0.8, 0.8, 0.4]];
    const {gain, loss, arrival} = migrationOf(after, flat(0.8));
    expect(scored(gain[2]!)).toMatchObject({value: 0, low: 0});
    expect(scored(loss[2]!).value).toBeCloseTo(0.4 / 3, 12);
    expect(scored(loss[2]!).low).toBeGreaterThan(0.1);
    expect(arrival[2]).toBeNull();
  });

  it('names the block where an invariance arrived', () => {
    const after = [...flat(0.6).slice(0, 2), [0.7, 0.8, 0.3]];
    const {gain, loss, arrival} = migrationOf(after, flat(0.6));
    expect(scored(gain[2]!).value).toBeCloseTo(0.3 / 3, 12);
    expect(scored(gain[2]!).low).toBeGreaterThan(0.05);
    expect(scored(loss[2]!).value).toBeCloseTo(0.3 / 3, 12);
    expect(arrival).toEqual([null, null, 1]);
  });

  it('claims a gain of noise alone in no more than 5 of 100 rows', () => {
    let claimed = 0;
    for (let trial = 0; trial < 200; trial++) {
      const random = seededRandom(1000 + trial);
      // The estimate is itself off by as much as its half-samples spread.
      const after = [blocks.map(() => 0.6 + 0.05 * random.normal())];
      const {gain} = migration({
        retention: both(after),
        ceiling: both([[0.6, 0.6, 0.6]]),
        halves: {
          retention: halvesOf(after, {noise: 0.05, stream: trial}),
          ceiling: [blocks.map(() => new Float64Array(200).fill(0.6))],
        },
        blocks,
        gates,
      });
      if (scored(gain[0]!).low! > 0) claimed++;
    }
    // Gains are one side of intervals that hold 95 of 100 on both.
    expect(claimed / 200).toBeLessThan(0.06);
    expect(claimed).toBeGreaterThan(0);
  });

  it('is withheld where the inversion did not converge, a value is missing or no block is measured', () => {
    const failed = [gates[0]!, gateOf({fvu: 0.2}), gates[2]!];
    const missing: Matrix = [flat(1)[0]!, flat(1)[1]!, [1, null, 1]];
    const given = {ceiling: both(flat(1)), halves: null, gates: failed};
    const {gain, loss} = migration({...given, retention: both(missing), blocks});
    expect(gain.map(({status}) => status)).toEqual(['scored', 'withheld', 'withheld']);
    expect(loss[1]).toEqual({
      status: 'withheld',
      reason: 'inversion not converged: fvu 0.200 is not under 0.05',
    });
    expect(loss[2]).toMatchObject({reason: 'a layer is constant or not finite'});
    expect(migration({...given, retention: both(flat(1)), blocks: []}).gain[0]).toMatchObject({
      reason: 'no residual-stream block is measured',
    });
  });
});

describe('half-samples', () => {
  it('draw half of the images, none twice, the same every time', () => {
    const halves = halfSamples(9);
    expect(halves).toHaveLength(200);
    for (const half of halves) {
      expect(half).toHaveLength(4);
      expect(new Set(half).size).toBe(4);
      expect(Math.max(...half)).toBeLessThan(9);
    }
    expect(halfSamples(9)).toEqual(halves);
    expect(new Set(halves.map(half => half.join())).size).toBeGreaterThan(80);
  });

  it('have the CKA that each would have alone', () => {
    const [K, L] = [normalGram(17, 5, 1), normalGram(17, 9, 2)];
    const halves = halfSamples(17);
    const values = ckaOfHalves(halfSums(K, halves), halfSums(L, halves))!;
    halves.forEach((half, at) => {
      const alone = cka(selectImages(K, half), selectImages(L, half), 'unbiased');
      expect(values[at]).toBeCloseTo(valueOf(alone), 10);
    });
  });

  it('are withheld where they are too few, or where a layer is constant on one of them', () => {
    const halves = halfSamples(7);
    const K = normalGram(7, 3, 1);
    expect(ckaOfHalves(halfSums(K, halves), halfSums(K, halves))).toBeNull();
    const spike = gramOf(rowsOf(Array.from({length: 12}, (_, image) => [image === 3 ? 5 : 1])));
    const dozen = halfSamples(12);
    expect(ckaOfHalves(halfSums(spike, dozen), halfSums(normalGram(12, 3, 1), dozen))).toBeNull();
  });

  it('come back from their packed text within 1/65534, and what is withheld as such', () => {
    const values = Float64Array.from({length: 200}, (_, k) => k / 100 - 1);
    const [back, none] = unpackHalves(packHalves([values, null]), 2);
    expect(none).toBeNull();
    back!.forEach((value, k) => expect(Math.abs(value - values[k]!)).toBeLessThanOrEqual(1 / 65534));
    expect(back![0]).toBe(-1);
    expect(packHalves([back!, null])).toBe(packHalves([values, null]));
  });

  it('of another number of layers are refused', () => {
    expect(() => unpackHalves(packHalves([null]), 2)).toThrow('half-samples of 400 bytes are not 2 × 200');
  });
});
