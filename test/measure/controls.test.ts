import {afterAll, beforeAll, expect, test} from 'vitest';
import {drawDemoScenes} from '../../src/cli/demo/draw-scenes.js';
import {render} from '../../src/cli/demo/scenes.js';
import {openOrtEngine, type Engine, type Parameter, type Weights} from '../../src/engine/index.js';
import {inversionOptions} from '../../src/inversion/index.js';
import {createMeasurer, type Measurer} from '../../src/measure/index.js';
import type {Reading} from '../../src/types.js';

/** The block that is re-initialised, and what its branches add to the stream. */
const BLOCK = 3;
const TAPS = [`block_0${BLOCK}/attention`, `block_0${BLOCK}/mlp`];

let engine: Engine;
let measurer: Measurer;
beforeAll(async () => {
  engine = await openOrtEngine({folder: 'examples/demo/vit', layers: ['block_*', ...TAPS, 'norm']});
  const probes = render(drawDemoScenes(0).probes.slice(0, 32));
  measurer = await createMeasurer({engine, probes, inversion: inversionOptions({steps: 25}), factors: 'all'});
}, 120_000);
afterAll(() => measurer.dispose());

const read = (weights: Weights) =>
  measurer.read({weights, moment: {step: 1, epoch: null, time: 0, logged: {}}, convergence: false});
const place = (layer: string) => engine.layers.indexOf(layer);
const retained = ({retention}: Reading, layer: string) => retention.unbiased[place(layer)]![place(layer)]!;
const diagonal = (reading: Reading) => engine.layers.map(layer => retained(reading, layer));
const edit = (change: (weight: Parameter) => Float32Array): Weights =>
  engine.weights().map(weight => ({...weight, data: change(weight)}));

test('a copy is at the ceiling to the bit, and nothing has moved, drifted or changed', async () => {
  const reading = await read(edit(({data}) => data.slice()));
  expect(reading.retention).toEqual(measurer.baseline.ceiling);
  for (const score of [...reading.gain!, ...reading.loss!])
    if (score.status === 'scored') expect(score.value).toBe(0);
  for (const {change} of reading.factors!)
    for (const score of change) expect(score).toMatchObject({value: 0, low: 0, high: 0});
  expect(reading.weightDrift.every(drift => drift === 0 || drift === null)).toBe(true);
});

test('hidden units in another order are the same function: weights far, everything else within rounding', async () => {
  const hidden = 128;
  const order = Array.from({length: hidden}, (_, unit) => (unit * 37 + 5) % hidden);
  const reading = await read(
    edit(({name, data}) => {
      if (/mlp\.fc1/.test(name)) {
        const width = data.length / hidden;
        return data.map((_, k) => data[order[Math.floor(k / width)]! * width + (k % width)]!);
      }
      if (name.endsWith('mlp.fc2.weight'))
        return data.map((_, k) => data[k - (k % hidden) + order[k % hidden]!]!);
      return data;
    }),
  );
  expect(Math.max(...reading.weightDrift.map(drift => drift ?? 0))).toBeGreaterThan(0.5);
  diagonal(reading).forEach((value, i) =>
    expect(value).toBeCloseTo(measurer.baseline.ceiling.unbiased[i]![i]!, 4),
  );
  for (const {change} of reading.factors!)
    for (const score of change)
      expect(Math.abs(score.status === 'scored' ? score.value : 1)).toBeLessThan(1e-4);
});

test('weights rounded to 8 bits keep every layer', async () => {
  const reading = await read(
    edit(({shape, data}) => {
      if (shape.length !== 2) return data;
      const width = shape[1]!;
      const scale = (row: number) =>
        data.subarray(row * width, (row + 1) * width).reduce((most, v) => Math.max(most, Math.abs(v)), 0) /
        127;
      return data.map((value, k) => {
        const step = scale(Math.floor(k / width));
        return Math.round(value / step) * step;
      });
    }),
  );
  diagonal(reading).forEach((value, i) =>
    expect(Math.abs(value - measurer.baseline.ceiling.unbiased[i]![i]!)).toBeLessThan(0.01),
  );
});

test('a network that was never trained is at the floor, give or take the luck of one draw', async () => {
  const reading = await read(engine.randomWeights(1000));
  const {floor, floorSpread} = measurer.baseline;
  const away = diagonal(reading).map(
    (value, i) => (value - floor.unbiased[i]![i]!) / floorSpread!.diagonal[i]!,
  );
  for (const spreads of away) expect(Math.abs(spreads)).toBeLessThan(4);
});

test('a re-initialised block is caught by what it adds, while the stream carries the rest past it', async () => {
  const random = engine.randomWeights(1000);
  const reading = await read(
    engine.weights().map((weight, i) => (weight.name.startsWith(`blocks.${BLOCK}.`) ? random[i]! : weight)),
  );
  expect(retained(reading, `block_0${BLOCK}`)).toBeGreaterThan(0.95);
  expect(retained(reading, 'norm')).toBeGreaterThan(0.9);
  expect(retained(reading, TAPS[0]!)).toBeLessThan(0.5);
  for (const tap of TAPS) {
    const score = reading.scores[place(tap)]!;
    expect(score.status === 'scored' && score.high).toBeLessThan(1);
  }
});
