import {afterAll, describe, expect, test} from 'vitest';
import {openOrtEngine, type Engine, type Weights} from '../../src/engine/index.js';
import {inversionOptions, openInversionCache} from '../../src/inversion/index.js';
import {createMeasurer, type MeasurerOptions} from '../../src/measure/measurer.js';
import {seededRandom} from '../../src/random.js';
import type {Images, Moment} from '../../src/types.js';
import {analyticEngine, analyticProbes} from '../analytic/engine.js';
import {tinyVit} from './tiny-vit.js';

const at = (step: number): Moment => ({step, epoch: null, time: 0, logged: {}});
const inversion = inversionOptions({steps: 4});

/** Sixteen striped pictures of 12 px in colours of their own. */
function colourProbes({count = 16, side = 12} = {}): Images {
  const random = seededRandom(4);
  const data = new Float32Array(count * 3 * side * side);
  for (let plane = 0; plane < count * 3; plane++) {
    const [base, slope, wave] = [random.uniform(), random.uniform() - 0.5, random.uniform()];
    for (let p = 0; p < side * side; p++) {
      const [x, y] = [p % side, Math.floor(p / side)];
      const value = base + (slope * x) / side + 0.3 * Math.sin(wave * y + 2 * x);
      data[plane * side * side + p] = Math.min(1, Math.max(0, value));
    }
  }
  return {count, channels: 3, height: side, width: side, data};
}

const engine = await openOrtEngine({folder: tinyVit});
afterAll(() => engine.dispose());
const probes = colourProbes();
const cache = await openInversionCache({folder: null});
const measure = (options: Partial<MeasurerOptions> = {}) =>
  createMeasurer({engine, probes, inversion, floor: 2, cache, ...options});

function moved(of: Engine, touched: (layer: string | null) => boolean): Weights {
  const random = seededRandom(1);
  return of
    .weights()
    .map(weight =>
      touched(weight.layer)
        ? {...weight, data: weight.data.map(value => value + 0.3 * random.normal())}
        : weight,
    );
}

test('a reading follows five factors by default, and at t = 0 every change is 0 to the bit', async () => {
  const {baseline, read} = await measure();
  const {factors} = await read({moment: at(0)});
  expect(factors!.map(({factor}) => factor)).toEqual(['hue', 'brightness', 'blur', 'flip', 'shift']);
  for (const [k, {invariance, ratio, change}] of factors!.entries()) {
    expect(invariance).toEqual(baseline.factors![k]!.invariance);
    expect(ratio).toEqual(baseline.factors![k]!.ratio);
    for (const value of invariance) expect(value).toBeGreaterThan(-1);
    for (const score of change) expect(score).toEqual({status: 'scored', value: 0, low: 0, high: 0});
  }
});

test('a finetune of the head alone changes nothing, one of the deepest block only what lies above it', async () => {
  const {read} = await measure();
  const head = await read({weights: moved(engine, layer => layer === null), moment: at(1)});
  for (const {change} of head.factors!) for (const score of change) expect(score).toMatchObject({value: 0});
  const deepest = engine.blocks.at(-1)!;
  const {factors} = await read({weights: moved(engine, layer => layer === deepest), moment: at(2)});
  const shallow = engine.layers.indexOf(deepest);
  for (const {change} of factors!) {
    for (const score of change.slice(0, shallow)) expect(score).toMatchObject({value: 0, low: 0, high: 0});
    expect(change[shallow]!.status === 'scored' && Math.abs(change[shallow]!.value)).toBeGreaterThan(1e-4);
  }
});

test('everything else of a reading is the same to the bit with the panel and without', async () => {
  const weights = moved(engine, layer => layer !== null);
  const timeless = async (factors: MeasurerOptions['factors']) => {
    const {read} = await measure({factors});
    const {factors: panel, ...rest} = await read({weights, moment: at(1)});
    return {panel, rest: {...rest, cost: null}};
  };
  const [without, with12] = [await timeless('none'), await timeless('all')];
  expect(without.panel).toBeUndefined();
  expect(with12.panel).toHaveLength(12);
  expect(with12.rest).toEqual(without.rest);
});

test('the panel costs a forward pass of the probes a factor and one more, from Grams of all together', async () => {
  const counted = analyticEngine({side: 8});
  const probes = analyticProbes({side: 8});
  const costOf = async (factors: MeasurerOptions['factors']) => {
    const {read} = await createMeasurer({engine: counted, probes, inversion, floor: 1, factors});
    return (await read({moment: at(0)})).cost.forwards / probes.count;
  };
  const plain = await costOf('none');
  expect(await costOf(['flip'])).toBe(plain + 2);
  expect(await costOf(['flip', 'shift', 'brightness'])).toBe(plain + 4);
});

test('the numbers are those of features: CKA of the two, and distances moved over distances apart', async () => {
  const {read} = await measure({factors: ['flip']});
  const [flip] = (await read({moment: at(0)})).factors!;
  const {width} = probes;
  const mirrored = {
    ...probes,
    data: probes.data.map((_, k) => probes.data[k - (k % width) + width - 1 - (k % width)]!),
  };
  for (const [i, layer] of engine.layers.entries()) {
    const [own, other] = [await engine.features(probes, layer), await engine.features(mirrored, layer)];
    const row = (features: typeof own, k: number) =>
      features.data.subarray(k * features.width, (k + 1) * features.width);
    const apart = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((value, k) => value - b[k]!));
    const {count} = probes;
    let moved = 0;
    let spread = 0;
    for (let a = 0; a < count; a++) {
      moved += apart(row(own, a), row(other, a)) / count;
      for (let b = 0; b < a; b++) spread += apart(row(own, a), row(own, b)) / ((count * (count - 1)) / 2);
    }
    expect(flip!.ratio[i]).toBeCloseTo(moved / spread, 3);
    const {ckaOfFeatures} = await import('../../src/metrics/index.js');
    const cka = ckaOfFeatures(own, other, 'unbiased');
    expect(cka.status === 'scored' && cka.value).toBeCloseTo(flip!.invariance[i]!, 4);
  }
});

describe('where a factor says nothing there is a reason, and no number', () => {
  test('hue of probes of one channel', async () => {
    const {baseline, read} = await createMeasurer({
      engine: analyticEngine({side: 8}),
      probes: analyticProbes({side: 8}),
      inversion,
      factors: ['hue', 'flip'],
    });
    const [hue, flip] = (await read({moment: at(0)})).factors!;
    const reason = 'hue needs images of 3 channels, and the probes have 1';
    expect(baseline.factors![0]).toMatchObject({
      withheld: reason,
      pixels: null,
      invariance: [null, null, null],
    });
    expect(hue!.change).toEqual(Array(3).fill({status: 'withheld', reason}));
    expect(flip!.change[0]).toMatchObject({status: 'scored'});
  });

  test('hue of grey probes, which it leaves as they are', async () => {
    const plane = 12 * 12;
    const data = probes.data.map((_, k) => probes.data[k - (k % (3 * plane)) + (k % plane)]!);
    const {baseline} = await measure({probes: {...probes, data}});
    const [hue, brightness] = baseline.factors!;
    expect(hue!.withheld).toBe('hue changes only 0 of the 16 probes');
    expect(brightness!.withheld).toBeUndefined();
  });

  test('a layer that is constant at this step', async () => {
    const analytic = analyticEngine({side: 8});
    const {read} = await createMeasurer({
      engine: analytic,
      probes: analyticProbes({side: 8}),
      inversion,
      factors: ['flip'],
    });
    const dead = analytic
      .weights()
      .map(weight =>
        weight.name === 'block_02.weight' ? {...weight, data: weight.data.map(() => 0)} : weight,
      );
    const [flip] = (await read({weights: dead, moment: at(1)})).factors!;
    expect(flip!.change[1]).toMatchObject({value: 0});
    expect(flip!.change[2]).toEqual({
      status: 'withheld',
      reason: 'the layer is constant over the images at this step, or not finite',
    });
    expect(flip!.invariance[2]).toBeNull();
  });
});

test('the pretrained panel is found in the cache, and another one is measured for other strengths', async () => {
  const counted = analyticEngine({side: 8});
  const options = {
    engine: counted,
    probes: analyticProbes({side: 8}),
    inversion,
    cache: await openInversionCache({folder: null}),
  };
  await createMeasurer({...options, factors: ['shift:0.2']});
  const again = await createMeasurer({...options, factors: ['shift:0.2']});
  expect(again.baseline.cost.forwards).toBe(0);
  const other = await createMeasurer({...options, factors: ['shift:0.3']});
  // The pretrained model and 8 random networks, each on the probes and their transforms.
  expect(other.baseline.cost.forwards).toBe(9 * 2 * options.probes.count);
  expect(other.baseline.factors![0]).toMatchObject({factor: 'shift', strength: 0.3});
});

test('the random row is the mean over the networks of the floor', async () => {
  const networks = [engine.randomWeights(5), engine.randomWeights(6)];
  const rowOf = async (floor: readonly Weights[]) =>
    (await measure({floor, factors: ['flip']})).baseline.factors![0]!.random;
  const [both, one, other] = [
    await rowOf(networks),
    await rowOf([networks[0]!]),
    await rowOf([networks[1]!]),
  ];
  both.forEach((value, i) => expect(value).toBeCloseTo((one[i]! + other[i]!) / 2, 10));
  expect(one).not.toEqual(other);
});
