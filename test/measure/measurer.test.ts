import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import type {Engine, Weights} from '../../src/engine/index.js';
import {drawSeeds, inversionOptions, openInversionCache} from '../../src/inversion/index.js';
import {cka} from '../../src/metrics/index.js';
import {createMeasurer, type Measurer, type MeasurerOptions} from '../../src/measure/measurer.js';
import type {Progress} from '../../src/measure/progress.js';
import type {Images, Moment} from '../../src/types.js';
import {analyticEngine, analyticProbes} from '../analytic/engine.js';

const probes = analyticProbes({count: 24});
const at = (step: number): Moment => ({step, epoch: null, time: 0, logged: {}});

const measure = (options: Partial<MeasurerOptions> = {}) =>
  createMeasurer({engine: analyticEngine(), probes, inversion: inversionOptions({steps: 30}), ...options});

/** The same network with noise on the weights of layer `from` and above. */
function moved(engine: Engine, amount: number, from = 0): Weights {
  const other = engine.randomWeights(99);
  return engine
    .weights()
    .map((parameter, index) =>
      Math.floor(index / 2) < from
        ? parameter
        : {...parameter, data: parameter.data.map((value, k) => value + amount * other[index]!.data[k]!)},
    );
}

test('at t = 0 retention is the ceiling to the bit, drift and compression are 0, and every score is 1', async () => {
  const {baseline, read} = await measure();
  const reading = await read({moment: at(0)});
  expect(reading.retention).toEqual(baseline.ceiling);
  expect(reading.drift.unbiased.map((row, i) => row[i])).toEqual([0, 0, 0]);
  expect(reading.compression).toEqual({layers: [0, 0, 0], mean: 0});
  expect(reading.weightDrift).toEqual([0, 0, 0]);
  expect(reading.fingerprint).toBe(baseline.fingerprint.id);
  for (const score of reading.scores) expect(score).toMatchObject({status: 'scored', value: 1});
  expect(reading.meanScore).toBe(1);
});

test('a reading of a live model leaves its weights alone, and one of others swaps them once', async () => {
  const engine = analyticEngine();
  let swaps = 0;
  const counted: Engine = {...engine, setWeights: weights => (swaps++, engine.setWeights(weights))};
  const {read} = await measure({engine: counted});
  swaps = 0;
  await read({moment: at(5)});
  expect(swaps).toBe(0);
  const before = engine.weights();
  await read({weights: moved(engine, 0.5), moment: at(6)});
  expect(swaps).toBe(2);
  expect(engine.weights()).toEqual(before);
});

test('R, W0 and the floor are what their definitions say, entry by entry', async () => {
  const engine = analyticEngine();
  const images: Images[] = [];
  const cache = await openInversionCache({folder: null});
  const {baseline, read} = await measure({
    engine,
    floor: 1,
    cache: {
      ...cache,
      read: async key => {
        const entry = await cache.read(key);
        if (entry) images[engine.layers.indexOf(entry.gate.layer)] = entry.images;
        return entry;
      },
    },
  });
  const finetuned = moved(engine, 0.7);
  const reading = await read({weights: finetuned, moment: at(1)});
  const expectMatrix = async (weights: Weights, matrix: (number | null)[][]) => {
    engine.setWeights(weights);
    const own = await engine.grams(probes);
    for (const [i, inverted] of images.entries()) {
      const grams = await engine.grams(inverted);
      grams.forEach((gram, j) =>
        expect(cka(own[j]!, gram, 'unbiased')).toEqual({status: 'scored', value: matrix[i]![j]}),
      );
    }
  };
  const pretrained = engine.weights();
  await expectMatrix(finetuned, reading.retention.unbiased);
  await expectMatrix(pretrained, baseline.ceiling.unbiased);
  await expectMatrix(engine.randomWeights(0), baseline.floor.unbiased);
});

test('what is finetuned is forgotten, from the first changed layer on', async () => {
  const engine = analyticEngine();
  const {baseline, read} = await measure({engine});
  const reading = await read({weights: moved(engine, 3, 2), moment: at(10)});
  const [kept, keptToo, forgot] = reading.scores;
  expect(kept).toMatchObject({value: 1});
  expect(keptToo).toMatchObject({value: 1});
  expect(forgot!.status === 'scored' && forgot!.value).toBeLessThan(0.8);
  expect(reading.retention.unbiased[2]!.slice(0, 2)).toEqual(baseline.ceiling.unbiased[2]!.slice(0, 2));
  expect(reading.weightDrift.slice(0, 2)).toEqual([0, 0]);
  expect(reading.weightDrift[2]).toBeGreaterThan(1);
});

test('controls lie far below the ceiling', async () => {
  const {baseline} = await measure();
  for (const control of [baseline.controls.noise, baseline.controls.permuted])
    control.forEach((value, i) => expect(value!).toBeLessThan(baseline.ceiling.unbiased[i]![i]! - 0.4));
});

test('the weights in force are put back after the baseline, a reading, and a reading that fails', async () => {
  const engine = analyticEngine();
  const live = engine.weights();
  const {read} = await measure({engine});
  expect(engine.weights()).toBe(live);
  await read({weights: moved(engine, 1), moment: at(1), acquire: true});
  expect(engine.weights()).toBe(live);
  const broken = engine.weights().map((parameter, index) => ({
    ...parameter,
    data: index === 3 ? parameter.data.map(() => NaN) : parameter.data,
  }));
  await expect(read({weights: broken, moment: at(2)})).rejects.toMatchObject({
    code: 'bad_weights',
    message: expect.stringContaining('block_01.bias') as string,
  });
  expect(engine.weights()).toBe(live);
  expect((await read({moment: at(3)})).scores[0]).toMatchObject({value: 1});
});

test('readings asked for at once are taken one after another', async () => {
  const engine = analyticEngine();
  const {read} = await measure({engine});
  const others = [0.5, 1, 2].map(amount => moved(engine, amount));
  const together = await Promise.all(others.map(weights => read({weights, moment: at(0)})));
  for (const [place, weights] of others.entries()) {
    const alone = await read({weights, moment: at(0)});
    expect(alone.retention).toEqual(together[place]!.retention);
  }
});

test('acquired swaps the roles: on the pretrained weights it is the ceiling, turned', async () => {
  const {baseline, read} = await measure();
  const {acquired} = await read({moment: at(0), acquire: true});
  const turned = baseline.ceiling.unbiased.map((_, i) => baseline.ceiling.unbiased.map(row => row[i]!));
  expect(acquired!.similarity.unbiased).toEqual(turned);
  expect(acquired!.novelty).toEqual([0, 0, 0]);
});

test('what was acquired is withheld where the inversion of the finetuned layer did not converge', async () => {
  const engine = analyticEngine();
  const {baseline, read} = await measure({engine});
  // Larger weights saturate the deepest layer: its images cannot be inverted in so few steps.
  const saturated = engine
    .weights()
    .map(parameter =>
      parameter.name === 'block_02.weight'
        ? {...parameter, data: parameter.data.map(value => 40 * value)}
        : parameter,
    );
  const {acquired} = await read({weights: saturated, moment: at(1), acquire: true});
  expect(baseline.gates.map(({passed}) => passed)).toEqual([true, true, true]);
  expect(acquired!.gates.map(({layer, passed}) => [layer, passed])).toEqual([
    ['block_00', true],
    ['block_01', true],
    ['block_02', false],
  ]);
  expect(acquired!.novelty).toEqual([expect.any(Number), expect.any(Number), null]);
  expect(acquired!.similarity.unbiased[2]![2]).toBeTypeOf('number');
});

test('nothing is concluded of layers whose inversion did not converge', async () => {
  const engine = analyticEngine();
  const {baseline, read} = await measure({engine, inversion: inversionOptions({steps: 2})});
  const reading = await read({weights: moved(engine, 1), moment: at(1), acquire: true});
  expect(baseline.gates.every(({passed}) => !passed)).toBe(true);
  expect(baseline.flow).toEqual([null, null, null]);
  expect(reading.flow).toEqual({centre: [null, null, null], strongest: [null, null, null]});
  expect(reading.compression).toEqual({layers: [null, null, null], mean: null});
  expect(reading.acquired!.novelty).toEqual([null, null, null]);
  expect(reading.meanScore).toBeNull();
  expect(reading.retention.unbiased.flat().every(value => value !== null)).toBe(true);
});

test('convergence is reported on the first reading after step 0, or when asked', async () => {
  const engine = analyticEngine();
  const {read} = await measure({engine, inversion: inversionOptions({preset: 'stir', steps: 8})});
  const weights = moved(engine, 0.5);
  expect(await read({weights, moment: at(0)})).not.toHaveProperty('convergence');
  const {convergence} = await read({weights, moment: at(5)});
  expect(convergence).toHaveLength(3);
  for (const value of convergence!) expect(value).toBeGreaterThan(0);
  expect(await read({weights, moment: at(6)})).not.toHaveProperty('convergence');
  expect(await read({weights, moment: at(7), convergence: true})).toHaveProperty('convergence');
});

test('cost counts every image pushed through the model', async () => {
  const engine = analyticEngine();
  let time = 0;
  const {baseline, read} = await measure({engine, factors: 'none', now: () => (time += 500)});
  expect(engine.calls.gradients).toBe(baseline.cost.gradients);
  const before = {...engine.calls};
  const reading = await read({moment: at(0)});
  expect(reading.cost.forwards).toBe(engine.calls.forwards - before.forwards);
  expect(reading.cost.forwards).toBe((3 + 1) * probes.count);
  expect(reading.cost).toMatchObject({gradients: 0, seconds: 0.5});
});

test('progress: one estimate, then every evaluation with the seconds left, then the layers of the baseline', async () => {
  const seen: Progress[] = [];
  await measure({onProgress: progress => seen.push(progress)});
  expect(seen.filter(({phase}) => phase === 'estimate')).toHaveLength(1);
  expect(seen[0]).toMatchObject({phase: 'estimate', layer: null, done: 0, total: 90});
  expect(seen[0]!.secondsLeft).toBeGreaterThan(0);
  const inversions = seen.filter(({phase}) => phase === 'inversion');
  expect(inversions[0]!.layer).toBe('block_02');
  expect(inversions.at(-1)).toMatchObject({done: 90, total: 90, secondsLeft: 0});
  expect(seen.filter(({phase}) => phase === 'baseline').at(-1)).toMatchObject({done: 27, total: 27});
});

test('the floor is the mean over its random networks, which are told apart, with their spread', async () => {
  const engine = analyticEngine();
  const alone: Measurer[] = [];
  for (const seed of [0, 1, 2]) alone.push(await measure({engine, floor: [engine.randomWeights(seed)]}));
  const {baseline} = await measure({engine, floor: 3});
  const floors = alone.map(({baseline: {floor}}) => floor.unbiased[2]![1]!);
  expect(baseline.floor.unbiased[2]![1]).toBeCloseTo((floors[0]! + floors[1]! + floors[2]!) / 3, 12);
  const ends = alone.map(({baseline: {floor}}) => floor.unbiased[1]![1]!);
  const mean = (ends[0]! + ends[1]! + ends[2]!) / 3;
  const variance = ends.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2;
  expect(baseline.floorSpread!.draws).toBe(3);
  expect(baseline.floorSpread!.diagonal[1]).toBeCloseTo(Math.sqrt(variance), 12);
  expect(alone[0]!.baseline.floorSpread).toBeUndefined();
  expect(baseline.fingerprint.floor).toBe('random 0 to 2');
});

test('a network trained from scratch is a mark of its own: it changes no score and no fingerprint', async () => {
  const engine = analyticEngine();
  const scratch = moved(engine, 2);
  const plain = await measure({engine});
  const {baseline, read} = await measure({engine, scratch});
  expect(baseline.scratch!.unbiased).toEqual(
    (await plain.read({weights: scratch, moment: at(0)})).retention.unbiased,
  );
  const {cost, ...rest} = plain.baseline;
  expect(baseline).toMatchObject(rest);
  expect(baseline.cost.forwards).toBe(cost.forwards + 4 * probes.count);
  expect((await read({moment: at(0)})).scores).toEqual((await plain.read({moment: at(0)})).scores);
});

test('nothing is gained or lost at t = 0, to the bit, and its intervals have no width', async () => {
  const engine = analyticEngine();
  const {baseline, read} = await measure({engine});
  const reading = await read({moment: at(0)});
  expect(reading.halves).toBe(baseline.halves!.ceiling);
  for (const score of [...reading.gain!, ...reading.loss!])
    expect(score).toEqual({status: 'scored', value: 0, low: 0, high: 0});
  for (const score of reading.scores) expect(score).toMatchObject({value: 1, low: 1, high: 1});
  expect(reading.arrival).toEqual([null, null, null]);
});

test('a forgotten layer shows its loss, and R has the interval of its half-samples', async () => {
  const engine = analyticEngine();
  const {read} = await measure({engine});
  const {loss, retention, retentionIntervals} = await read({weights: moved(engine, 3, 2), moment: at(10)});
  expect(loss![2]).toMatchObject({status: 'scored', low: expect.toSatisfy((low: number) => low > 0)});
  const {low, high} = retentionIntervals![2]!;
  expect(low).toBeLessThanOrEqual(retention.unbiased[2]![2]!);
  expect(high).toBeGreaterThan(low);
});

describe('what cannot be measured', () => {
  test('fewer than 4 probes', async () => {
    const few = analyticProbes({count: 3});
    await expect(measure({probes: few})).rejects.toMatchObject({
      code: 'bad_probes',
      message: '3 probes are too few: give at least 4',
    });
  });
  test('probes of another size than the model takes', async () => {
    await expect(measure({probes: analyticProbes({side: 5})})).rejects.toThrow(
      /probes of 1 × 5 × 5.*1 × 4 × 4/,
    );
  });
  test('another number of seeds', async () => {
    const seeds = drawSeeds({like: analyticProbes({count: 4})});
    await expect(measure({seeds})).rejects.toThrow('4 seeds for 24 probes');
  });
  test.each([
    ['constant', [4]],
    ['zero', [4, 5]],
  ])('a %s layer is withheld, the others are scored', async (_, zeroed) => {
    const engine = analyticEngine();
    engine.setWeights(
      engine
        .weights()
        .map((parameter, index) =>
          zeroed.includes(index) ? {...parameter, data: parameter.data.map(() => 0)} : parameter,
        ),
    );
    const {baseline, read} = await measure({engine});
    const {scores, retention} = await read({moment: at(0)});
    expect(scores.map(({status}) => status)).toEqual(['scored', 'scored', 'withheld']);
    expect(retention.unbiased[0]![2]).toBeNull();
    expect(JSON.stringify({baseline, scores})).not.toMatch(/NaN/);
  });
});

describe('through a cache on disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'invariance-measurer-'));
  });
  afterEach(() => rm(folder, {recursive: true, force: true}));
  const open = () => openInversionCache({folder});

  test('a second run inverts nothing, and measures the same', async () => {
    const first = await measure({cache: await open()});
    const engine = analyticEngine();
    const second = await measure({engine, cache: await open()});
    expect(engine.calls.gradients).toBe(0);
    expect({...second.baseline, cost: null}).toEqual({...first.baseline, cost: null});
    const reading = await second.read({moment: at(0)});
    expect(reading.retention).toEqual(first.baseline.ceiling);
    expect(engine.calls.gradients).toBe(0);
  });

  test('a run killed after two layers inverts only the third', async () => {
    const cache = await open();
    let written = 0;
    const dying = measure({
      cache: {
        ...cache,
        shared: true,
        async write(key, entry) {
          if (++written > 2) throw new Error('killed');
          await cache.write(key, entry);
        },
      },
    });
    await expect(dying).rejects.toThrow('killed');
    const engine = analyticEngine();
    const seen: Progress[] = [];
    await measure({engine, cache: await open(), onProgress: progress => seen.push(progress)});
    expect(seen[0]).toMatchObject({phase: 'estimate', total: 30});
    expect(new Set(seen.filter(({phase}) => phase === 'inversion').map(({layer}) => layer))).toEqual(
      new Set(['block_00']),
    );
  });

  test('two runs at once share the layers between them', async () => {
    const engines = [analyticEngine(), analyticEngine()];
    const [first, second] = await Promise.all(
      engines.map(async engine => measure({engine, cache: await open()})),
    );
    expect(first!.baseline.ceiling).toEqual(second!.baseline.ceiling);
    const gradients = engines.reduce((sum, {calls}) => sum + calls.gradients, 0);
    const alone = analyticEngine();
    await measure({engine: alone});
    expect(gradients).toBeLessThan(1.5 * alone.calls.gradients);
  });

  test('an entry that is lost while the run goes on is made again from the pretrained weights', async () => {
    const engine = analyticEngine();
    const {read} = await measure({engine, cache: await open()});
    engine.setWeights(moved(engine, 0.5));
    const before = await read({moment: at(0)});
    await rm(folder, {recursive: true});
    await open();
    const after = await read({moment: at(0)});
    expect(after.retention).toEqual(before.retention);
    expect(after.cost.gradients).toBeGreaterThan(0);
  });

  test('another build of the engine measures the baseline itself, from the same inversions', async () => {
    const first = await measure({cache: await open()});
    const engine = {...analyticEngine(), description: 'two threads'};
    const second = await measure({engine, cache: await open()});
    expect(first.baseline.cost.gradients).toBeGreaterThan(0);
    expect(second.baseline.cost).toMatchObject({gradients: 0});
    expect(second.baseline.cost.forwards).toBeGreaterThan(0);
  });

  test('a floor from other weights is another baseline', async () => {
    const engine = analyticEngine();
    const first = await measure({engine, cache: await open()});
    const second = await measure({engine, cache: await open(), floor: [engine.randomWeights(7)]});
    expect(second.baseline.floor).not.toEqual(first.baseline.floor);
    expect(second.baseline.ceiling).toEqual(first.baseline.ceiling);
  });
});
