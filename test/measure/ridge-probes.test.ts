import {describe, expect, it} from 'vitest';
import {inversionOptions} from '../../src/inversion/index.js';
import {createMeasurer, type MeasurerOptions} from '../../src/measure/measurer.js';
import {accuracyOf, ridgeProbe} from '../../src/metrics/index.js';
import type {Labels} from '../../src/probes/index.js';
import type {Moment} from '../../src/types.js';
import {analyticEngine, analyticProbes} from '../analytic/engine.js';

const plain = analyticProbes({count: 24});
const pixels = plain.data.length / plain.count;
/** Images of class 1 are brighter. */
const of = Array.from({length: plain.count}, (_, i) => i % 2);
const probes = {
  ...plain,
  data: plain.data.map((value, at) => 0.8 * value + 0.2 * of[Math.floor(at / pixels)]!),
};
const bright: Labels = {source: 'class folders', names: ['dark', 'bright'], of};
const at = (step: number): Moment => ({step, epoch: null, time: 0, logged: {}});

const measure = (options: Partial<MeasurerOptions> = {}) =>
  createMeasurer({
    engine: analyticEngine(),
    probes,
    labels: [bright],
    inversion: inversionOptions({steps: 5}),
    ...options,
  });

const UNCHANGED = {status: 'scored', value: 0, low: 0, high: 0};

describe('ridge probes of labelled probes', () => {
  it('change by exactly 0 at t = 0, refitted and old', async () => {
    const {baseline, read} = await measure();
    const {ridge} = await read({moment: at(0)});
    expect(baseline.ridge).toMatchObject([{labels: 'class folders', classes: 2, chance: 0.5}]);
    expect(ridge).toEqual([
      {
        labels: 'class folders',
        accuracy: baseline.ridge![0]!.accuracy,
        change: [UNCHANGED, UNCHANGED, UNCHANGED],
        kept: [UNCHANGED, UNCHANGED, UNCHANGED],
      },
    ]);
    expect(Math.min(...baseline.ridge![0]!.accuracy.map(Number))).toBeGreaterThan(0.7);
  });

  it('change only in the layers above the one that was trained', async () => {
    const engine = analyticEngine();
    const {read} = await measure({engine});
    const other = engine.randomWeights(9);
    const weights = engine.weights().map((own, k) => (k < 4 ? own : other[k]!));
    const [ridge] = (await read({weights, moment: at(1)})).ridge!;
    expect(ridge!.change.slice(0, 2)).toEqual([UNCHANGED, UNCHANGED]);
    expect(ridge!.kept.slice(0, 2)).toEqual([UNCHANGED, UNCHANGED]);
    expect(ridge!.kept[2]).not.toEqual(UNCHANGED);
  });

  it("judge a checkpoint by its own probe and by the pretrained model's", async () => {
    const engine = analyticEngine();
    const {read} = await measure({engine});
    const before = await engine.features(probes, 'block_02');
    const weights = engine.randomWeights(9);
    const [ridge] = (await read({weights, moment: at(1)})).ridge!;
    engine.setWeights(weights);
    const after = await engine.features(probes, 'block_02');
    const old = ridgeProbe(before, of)!;
    const was = accuracyOf(old.leaveOneOut(before), of);
    const now = accuracyOf(ridgeProbe(after, of)!.leaveOneOut(after), of);
    expect(ridge!.accuracy[2]).toBe(now);
    expect(ridge!.change[2]).toMatchObject({status: 'scored', value: expect.closeTo(now - was, 12)});
    const kept = accuracyOf(old.leaveOneOut(after), of) - was;
    expect(ridge!.kept[2]).toMatchObject({status: 'scored', value: expect.closeTo(kept, 12)});
  });

  it('cost no forward pass', async () => {
    const engine = analyticEngine();
    const {read} = await measure({engine});
    const bare = await measure({engine, labels: []});
    const [labelled, unlabelled] = [await read({moment: at(0)}), await bare.read({moment: at(0)})];
    expect(labelled.cost.forwards).toBe(unlabelled.cost.forwards);
    expect(unlabelled.ridge).toBeUndefined();
    expect(bare.baseline.ridge).toBeUndefined();
  });

  it('are one for each set of labels', async () => {
    const thirds: Labels = {source: 'thirds.csv', names: ['a', 'b', 'c'], of: of.map((_, i) => i % 3)};
    const {baseline, read} = await measure({labels: [bright, thirds]});
    expect(baseline.ridge!.map(({labels, classes}) => [labels, classes])).toEqual([
      ['class folders', 2],
      ['thirds.csv', 3],
    ]);
    expect((await read({moment: at(0)})).ridge!.map(({labels}) => labels)).toEqual([
      'class folders',
      'thirds.csv',
    ]);
  });

  it('are left out, and that is said, with fewer than 4 images a class', async () => {
    const notices: string[] = [];
    const names = Array.from({length: 8}, (_, c) => `${c}`);
    const eighths: Labels = {source: 'class folders', names, of: of.map((_, i) => i % 8)};
    const {baseline} = await measure({
      labels: [eighths],
      onNotice: (code, text) => code === 'few_labels' && notices.push(text),
    });
    expect(baseline.ridge).toBeUndefined();
    expect(notices).toEqual([
      'no ridge probe of class folders: 24 probes are fewer than 4 for each of 8 classes; take more probes',
    ]);
  });

  it('are withheld of a layer that is constant', async () => {
    const engine = analyticEngine();
    const {read} = await measure({engine});
    const weights = engine.weights().map(own => ({...own, data: own.data.map(() => 0)}));
    const [ridge] = (await read({weights, moment: at(1)})).ridge!;
    expect(ridge!.accuracy).toEqual([null, null, null]);
    expect(ridge!.change[0]).toEqual({status: 'withheld', reason: 'the layer is constant or not finite'});
  });
});
