import {describe, expect, it} from 'vitest';
import {compareRuns, fingerprintDifference, type ComparableRun} from '../../src/compare/index.js';
import type {Fingerprint, Reading, Score} from '../../src/types.js';
import {both} from '../metrics/samples.js';
import {withHalves} from '../render/half-samples.js';
import {recordedRun} from '../render/recorded-run.js';

const fingerprint: Fingerprint = {
  id: 'f1',
  pretrained: 'p1',
  probes: 'x1',
  seeds: 's1',
  layers: ['block_00', 'norm'],
  pooling: 'tokens',
  inversion: {preset: 'fast', steps: 50},
  floor: 'random 0',
};

const scored = (value: number, spread = 0.05): Score => ({
  status: 'scored',
  value,
  low: value - spread,
  high: value + spread,
});

function run(id: string, scoresByStep: Record<number, Score[]>, print = fingerprint): ComparableRun {
  const info = {id, name: id, fingerprint: print, layers: print.layers} as ComparableRun['info'];
  const readings = Object.entries(scoresByStep).map(
    ([step, scores]) =>
      ({
        step: Number(step),
        scores,
        meanScore: null,
        layers: print.layers,
        retention: both(scores.map(() => scores.map(() => 0.9))),
      }) as unknown as Reading,
  );
  return {info, baseline: null, readings};
}

describe('compareRuns', () => {
  it('takes the last reading of each run, whatever their order on disk', () => {
    const a = run('a', {100: [scored(0.9), scored(0.8)], 0: [scored(1), scored(1)]});
    const b = run('b', {50: [scored(0.4), scored(0.7)]});
    const {layers, a: left, b: right} = compareRuns(a, b);
    expect([left.step, right.step]).toEqual([100, 50]);
    expect(layers.map(layer => layer.difference)).toEqual([expect.closeTo(-0.5), expect.closeTo(-0.1)]);
  });

  it('calls a difference clear only when the intervals do not overlap, where pairs were not recorded', () => {
    const a = run('a', {1: [scored(0.9), scored(0.8)]});
    const b = run('b', {1: [scored(0.4), scored(0.75)]});
    const {layers, paired} = compareRuns(a, b);
    expect(paired).toBe(false);
    expect(layers.map(({clear, p, low}) => [clear, p, low])).toEqual([
      [true, null, null],
      [false, null, null],
    ]);
  });

  it('takes differences by pairs where they were recorded: clear although the intervals overlap', () => {
    const recorded = withHalves(recordedRun(), {own: 0.002});
    const {paired, layers, meanScore} = compareRuns(recorded, recorded, {step: [200, 400]});
    expect(paired).toBe(true);
    const overlap = ({a, b}: {a: Score; b: Score}) =>
      a.status === 'scored' && b.status === 'scored' && a.low! <= b.high! && b.low! <= a.high!;
    expect(layers.filter(layer => layer.clear === true && overlap(layer)).length).toBeGreaterThan(0);
    for (const layer of layers) {
      expect(layer.clear).toBe(layer.adjusted! < 0.05);
      expect(layer.adjusted).toBeGreaterThanOrEqual(layer.p!);
      expect(layer.retention.difference).toBe(layer.retention.b! - layer.retention.a!);
      expect(layer.low! <= layer.difference! && layer.difference! <= layer.high!).toBe(true);
    }
    expect(meanScore.difference).toBe(meanScore.b! - meanScore.a!);
    expect(meanScore.low! <= meanScore.difference! && meanScore.difference! <= meanScore.high!).toBe(true);
  });

  it('shows the difference of R, and whether it is clear, where no score can be given', () => {
    const recorded = withHalves(recordedRun());
    const flat = {...recorded.baseline, floor: recorded.baseline.ceiling};
    const readings = recorded.readings.map(reading => ({
      ...reading,
      meanScore: null,
      scores: reading.scores.map((): Score => ({status: 'withheld', reason: 'floor too close to ceiling'})),
    }));
    const run = {...recorded, baseline: flat, readings};
    const {layers, meanScore} = compareRuns(run, run, {step: [25, 400]});
    expect(layers.map(({difference, low}) => [difference, low])).toEqual(layers.map(() => [null, null]));
    expect(layers.at(-1)!.retention.high).toBeLessThan(-0.05);
    expect(layers.at(-1)!.clear).toBe(true);
    expect(meanScore).toEqual({a: null, b: null, difference: null, low: null, high: null});
  });

  it('compares two steps of one run, and finds nothing between a reading and itself', () => {
    const recorded = withHalves(recordedRun());
    const {a, b, layers} = compareRuns(recorded, recorded, {step: [100, 199]});
    expect([a.step, b.step]).toEqual([100, 100]);
    expect(layers.map(({difference, clear}) => [difference, clear])).toEqual(layers.map(() => [0, false]));
  });

  it('withholds the difference where either score is withheld', () => {
    const a = run('a', {1: [{status: 'withheld', reason: 'constant layer'}, scored(0.8)]});
    const b = run('b', {1: [scored(0.4), scored(0.75)]});
    expect(compareRuns(a, b).layers[0]).toMatchObject({difference: null, clear: null});
    expect(compareRuns(a, b).layers[0]!.retention.difference).toBe(0);
  });

  it('looks no further than the step it is given', () => {
    const a = run('a', {0: [scored(1), scored(1)], 100: [scored(0.2), scored(0.2)]});
    expect(compareRuns(a, a, {step: 99}).a.step).toBe(0);
    expect(() => compareRuns(a, a, {step: -1})).toThrow('run a holds no reading at or before step -1');
  });

  it('refuses runs of different fingerprints and says what differs', () => {
    const a = run('a', {1: [scored(1), scored(1)]});
    const b = run('b', {1: [scored(1), scored(1)]}, {...fingerprint, id: 'f2', probes: 'x2'});
    expect(() => compareRuns(a, b)).toThrow('different probe images (x1 against x2)');
  });

  it('refuses a run without readings', () => {
    expect(() => compareRuns(run('a', {}), run('b', {}))).toThrow('run a holds no reading yet');
  });
});

describe('fingerprintDifference', () => {
  it('takes other layers for no other pretrained weights, which are hashed as far as they are measured', () => {
    const other = {...fingerprint, id: 'f2', pretrained: 'p2', layers: ['block_00']};
    expect(fingerprintDifference(fingerprint, other)).toMatch(/^they measured different layers/);
    expect(fingerprintDifference(fingerprint, {...other, layers: fingerprint.layers})).toMatch(
      /^they started from different pretrained weights/,
    );
  });

  it('is null for equal fingerprints and names every part that differs', () => {
    expect(fingerprintDifference(fingerprint, {...fingerprint})).toBeNull();
    const other = {
      ...fingerprint,
      id: 'f3',
      pooling: 'cls',
      inversion: {preset: 'stir', steps: 500},
    } as const;
    expect(fingerprintDifference(fingerprint, other)).toMatch(
      /pooled tokens differently.*different options.*measure both with the same settings/,
    );
  });

  it('says how to bring a run up to a newer floor, where nothing else differs', () => {
    const newer = {...fingerprint, id: 'f4', floor: 'random 0 to 7'};
    expect(fingerprintDifference(fingerprint, newer)).toBe(
      'their floors are of different untrained networks (random 0 against random 0 to 7). measure the older again: ' +
        'inversions are cached, so this takes forward passes only',
    );
  });
});
