import {describe, expect, it} from 'vitest';
import {meanScore, retentionScores} from '../../src/metrics/index.js';
import type {Gate, Score} from '../../src/types.js';
import {both} from './samples.js';

const passed: Gate = {
  layer: 'block_00',
  rel: 0.1,
  fvu: 0.01,
  rmsToProbes: 0.2,
  rmsToSeeds: 0.3,
  unconverged: 0,
  evaluations: 50,
  threshold: 0.05,
  passed: true,
};

/** The score of a model of one layer. */
function scoreOf({
  retention = 0.7,
  ceiling = 0.9,
  floor = 0.5,
  interval = {low: 0.6, high: 0.8},
  gate = passed,
  count = 64,
}: {
  retention?: number | null;
  ceiling?: number | null;
  floor?: number | null;
  interval?: {low: number; high: number} | null;
  gate?: Gate;
  count?: number;
} = {}) {
  return retentionScores({
    retention: both([[retention]]),
    ceiling: both([[ceiling]]),
    floor: both([[floor]]),
    intervals: [interval],
    gates: [gate],
    count,
  })[0]!;
}

describe('retentionScores', () => {
  it('read retention between floor and ceiling, and map its interval through the same line', () => {
    const score = scoreOf();
    if (score.status === 'withheld') throw new Error(score.reason);
    expect(score.value).toBeCloseTo(0.5, 12);
    expect(score.low).toBeCloseTo(0.25, 12);
    expect(score.high).toBeCloseTo(0.75, 12);
  });

  it('are 1 at the ceiling and 0 at the floor, exactly, and not cut outside', () => {
    expect(scoreOf({retention: 0.9})).toMatchObject({value: 1});
    expect(scoreOf({retention: 0.5})).toMatchObject({value: 0});
    expect(scoreOf({retention: 0.3})).toMatchObject({value: expect.closeTo(-0.5, 12)});
  });

  it('need a range of 0.1 and 4 images, and no more', () => {
    expect(scoreOf({ceiling: 0.1, floor: 0, retention: 0.05, count: 4})).toMatchObject({
      status: 'scored',
      value: 0.5,
    });
  });

  it('have no interval where there is none', () => {
    expect(scoreOf({interval: null})).toMatchObject({status: 'scored', low: null, high: null});
  });

  it.each([
    [{count: 3}, 'fewer than 4 images'],
    [{gate: {...passed, fvu: 0.0723, passed: false}}, 'inversion not converged: fvu 0.072 is not under 0.05'],
    [{gate: {...passed, fvu: null, passed: false}}, 'inversion not converged: fvu is not defined'],
    [{ceiling: null}, 'the layer is constant or not finite in the pretrained model'],
    [{floor: null}, 'the layer is constant or not finite in the random network'],
    [{retention: null}, 'the layer is constant or not finite at this step'],
    [{floor: 0.85}, 'floor too close to ceiling: 0.850 and 0.900 are less than 0.1 apart'],
    [{floor: 0.95}, 'floor too close to ceiling: 0.950 and 0.900 are less than 0.1 apart'],
  ])('are withheld for %o', (state, reason) => {
    expect(scoreOf(state)).toEqual({status: 'withheld', reason});
  });
});

describe('meanScore', () => {
  const scored = (value: number): Score => ({status: 'scored', value, low: null, high: null});
  const withheld: Score = {status: 'withheld', reason: 'the layer is constant or not finite at this step'};
  const diagonal = (values: readonly (number | null)[]) =>
    both(values.map((value, i) => values.map((_, j) => (i === j ? value : 0))));
  /** Three layers, the second of which no reading can score. */
  const baseline = {
    ceiling: diagonal([0.9, 0.9, 0.9]),
    floor: diagonal([0.5, 0.85, 0.5]),
    gates: [passed, passed, passed],
  };

  it('is over the layers that the baseline can score', () => {
    expect(meanScore([scored(0.9), withheld, scored(0.5)], baseline)).toBeCloseTo(0.7, 12);
    const failed = {...baseline, gates: [passed, passed, {...passed, passed: false}]};
    expect(meanScore([scored(0.9), withheld, withheld], failed)).toBe(0.9);
  });

  it('is none where one of them breaks: the mean of the others would rise', () => {
    expect(meanScore([scored(0.9), withheld, withheld], baseline)).toBeNull();
  });

  it('is none where the baseline can score no layer', () => {
    const none = {...baseline, gates: baseline.gates.map(gate => ({...gate, passed: false}))};
    expect(meanScore([withheld, withheld, withheld], none)).toBeNull();
  });
});
