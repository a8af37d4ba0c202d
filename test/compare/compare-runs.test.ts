import {describe, expect, it} from 'vitest';
import {compareRuns, fingerprintDifference, type ComparableRun} from '../../src/compare/index.js';
import type {Fingerprint, Reading, Score} from '../../src/types.js';

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
    ([step, scores]) => ({step: Number(step), scores, layers: print.layers}) as unknown as Reading,
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

  it('calls a difference clear only when the intervals do not overlap', () => {
    const a = run('a', {1: [scored(0.9), scored(0.8)]});
    const b = run('b', {1: [scored(0.4), scored(0.75)]});
    expect(compareRuns(a, b).layers.map(layer => layer.clear)).toEqual([true, false]);
  });

  it('withholds the difference where either score is withheld', () => {
    const a = run('a', {1: [{status: 'withheld', reason: 'constant layer'}, scored(0.8)]});
    const b = run('b', {1: [scored(0.4), scored(0.75)]});
    expect(compareRuns(a, b).layers[0]).toMatchObject({difference: null, clear: null});
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
  it('is null for equal fingerprints and names every part that differs', () => {
    expect(fingerprintDifference(fingerprint, {...fingerprint})).toBeNull();
    const other = {
      ...fingerprint,
      id: 'f3',
      pooling: 'cls',
      inversion: {preset: 'stir', steps: 500},
    } as const;
    expect(fingerprintDifference(fingerprint, other)).toMatch(/pooled tokens differently.*different options/);
  });
});
