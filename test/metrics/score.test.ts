import {describe, expect, it} from 'vitest';
import {meanScore, retentionScores} from '../../src/metrics/index.js';
import type {Gate, Score} from '../../src/types.js';
import {both, gateOf} from './samples.js';

const passed = gateOf({fvu: 0.01});

/** The score of a model of one layer, its half-samples spread by hand. */
function scoreOf({
  retention = 0.7,
  ceiling = 0.9,
  floor = 0.5,
  spread,
  draws = 8,
  halves = null,
  gate = passed,
  count = 64,
}: {
  retention?: number | null;
  ceiling?: number | null;
  floor?: number | null;
  spread?: number;
  draws?: number;
  halves?: {retention: number[]; ceiling: number[]; floor: number[]} | null;
  gate?: Gate;
  count?: number;
} = {}) {
  return retentionScores({
    retention: both([[retention]]),
    baseline: {
      ceiling: both([[ceiling]]),
      floor: both([[floor]]),
      ...(spread !== undefined && {floorSpread: {draws, diagonal: [spread]}}),
      gates: [gate],
    },
    halves: halves && {
      retention: [Float64Array.from(halves.retention)],
      ceiling: [Float64Array.from(halves.ceiling)],
      floor: [Float64Array.from(halves.floor)],
    },
    count,
  })[0]!;
}

/** `steps` numbers from `low` to `high`. */
const evenly = (low: number, high: number, steps = 201) =>
  Array.from({length: steps}, (_, k) => low + ((high - low) * k) / (steps - 1));
const same = (value: number, times = 201) => new Array<number>(times).fill(value);

/** Low and high of a score that has both. */
function endsOf(score: Score): [number, number] {
  if (score.status === 'withheld' || score.low === null || score.high === null)
    throw new Error('no interval');
  return [score.low, score.high];
}

describe('retentionScores', () => {
  it('read retention between floor and ceiling', () => {
    expect(scoreOf()).toEqual({status: 'scored', value: expect.closeTo(0.5, 12), low: null, high: null});
  });

  it('are 1 at the ceiling and 0 at the floor, exactly, and not cut outside', () => {
    expect(scoreOf({retention: 0.9})).toMatchObject({value: 1});
    expect(scoreOf({retention: 0.5})).toMatchObject({value: 0});
    expect(scoreOf({retention: 0.3})).toMatchObject({value: expect.closeTo(-0.5, 12)});
  });

  it('have the interval of the half-samples, each with its own floor and ceiling', () => {
    const [low, high] = endsOf(
      scoreOf({halves: {retention: evenly(0.6, 0.8), ceiling: same(0.9), floor: same(0.5)}}),
    );
    expect(low).toBeCloseTo(0.25 + 0.025 * 0.5, 10);
    expect(high).toBeCloseTo(0.75 - 0.025 * 0.5, 10);
    const together = {retention: evenly(0.6, 0.8), ceiling: evenly(0.8, 1), floor: evenly(0.4, 0.6)};
    expect(endsOf(scoreOf({halves: together}))).toEqual([expect.closeTo(0.5, 10), expect.closeTo(0.5, 10)]);
  });

  it('carry the luck of the random networks: none at the ceiling, more with fewer of them', () => {
    const halves = (retention: number) => ({
      retention: same(retention),
      ceiling: same(0.9),
      floor: same(0.5),
    });
    expect(scoreOf({retention: 0.9, spread: 0.1, halves: halves(0.9)})).toMatchObject({low: 1, high: 1});
    const width = (draws: number) => {
      const [low, high] = endsOf(scoreOf({spread: 0.05, draws, halves: halves(0.7)}));
      return high - low;
    };
    // d score / d floor = (score − 1) / range = −1.25, times 2.365 · 0.05 / √8 each way.
    expect(width(8)).toBeGreaterThan(0.08);
    expect(width(8)).toBeLessThan(0.13);
    expect(width(32)).toBeLessThan(width(8) / 1.7);
    expect(endsOf(scoreOf({halves: halves(0.7)}))).toEqual([
      expect.closeTo(0.5, 12),
      expect.closeTo(0.5, 12),
    ]);
  });

  it('need a range of 0.1 and 4 images, and no more', () => {
    expect(scoreOf({ceiling: 0.1, floor: 0, retention: 0.05, count: 4})).toMatchObject({
      status: 'scored',
      value: 0.5,
    });
  });

  it('need that range beyond the luck of the random networks', () => {
    expect(scoreOf({floor: 0.78, spread: 0.02})).toMatchObject({status: 'scored'});
    expect(scoreOf({floor: 0.78, spread: 0.03})).toEqual({
      status: 'withheld',
      reason:
        'floor too uncertain: 8 random networks give 0.780 ± 0.025 of 0.900 here; more of them would tell',
    });
  });

  it.each([
    [{count: 3}, 'fewer than 4 images'],
    [{gate: gateOf({fvu: 0.0723})}, 'inversion not converged: fvu 0.072 is not under 0.05'],
    [{gate: gateOf({fvu: null})}, 'inversion not converged: fvu is not defined'],
    [{ceiling: null}, 'the layer is constant or not finite in the pretrained model'],
    [{floor: null}, 'the layer is constant or not finite in the random network'],
    [{retention: null}, 'the layer is constant or not finite at this step'],
    [
      {floor: 0.85},
      'floor too close to ceiling: the architecture alone gives 0.850 of 0.900 here, pretraining added too little to measure',
    ],
    [
      {floor: 0.95},
      'floor too close to ceiling: the architecture alone gives 0.950 of 0.900 here, pretraining added too little to measure',
    ],
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
