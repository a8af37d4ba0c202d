import {openOrtEngine} from '../../src/engine/index.js';
import {expect, test} from 'vitest';
import type {Weights} from '../../src/engine/index.js';
import {drawSeeds, fingerprintOf, inversionKeys, inversionOptions} from '../../src/inversion/index.js';
import type {InversionInputs} from '../../src/inversion/index.js';
import {analyticEngine, analyticProbes} from '../analytic/engine.js';

const engine = analyticEngine();
const probes = analyticProbes();
const inputs: InversionInputs = {
  engine,
  weights: engine.weights(),
  probes,
  seeds: drawSeeds({like: probes}),
  options: inversionOptions(),
};
const keysOf = (changes: Partial<InversionInputs> = {}) => [
  ...inversionKeys({...inputs, ...changes}).values(),
];
const idOf = (changes: Partial<InversionInputs> = {}) => fingerprintOf({...inputs, floor: 0, ...changes}).id;

function withNudge(at: number): Weights {
  return engine.weights().map((parameter, index) => {
    if (index !== at) return parameter;
    const data = parameter.data.slice();
    data[3] = data[3]! + 1e-6;
    return {...parameter, data};
  });
}

test('every layer has a key of its own, the same for the same content', () => {
  const copy = {...probes, data: probes.data.slice()};
  expect(new Set(keysOf()).size).toBe(3);
  expect(keysOf({probes: copy, weights: [...engine.weights()].reverse()})).toEqual(keysOf());
  expect(idOf({probes: copy})).toBe(idOf());
});

test('a changed weight changes the keys of the layers that see it, and of no other', () => {
  const [first, second, third] = keysOf();
  const changed = keysOf({weights: withNudge(2)});
  expect(changed[0]).toBe(first);
  expect(changed[1]).not.toBe(second);
  expect(changed[2]).not.toBe(third);
  expect(idOf({weights: withNudge(2)})).not.toBe(idOf());
});

test('a head that no measured layer sees plays no part', () => {
  const head = {name: 'classifier.weight', shape: [2], data: new Float32Array(2), layer: null};
  expect(keysOf({weights: [...engine.weights(), head]})).toEqual(keysOf());
  expect(idOf({weights: [...engine.weights(), head]})).toBe(idOf());
});

test.each<[string, Partial<InversionInputs>]>([
  ['probes', {probes: analyticProbes({seed: 6})}],
  ['seeds', {seeds: drawSeeds({like: probes, seed: 1})}],
  ['steps', {options: inversionOptions({steps: 51})}],
  ['preset', {options: inversionOptions({preset: 'stir', steps: 50})}],
  ['pooling', {engine: {...engine, pooling: 'cls'}}],
  ['normalisation or architecture', {engine: {...engine, definition: 'another'}}],
])('other %s are another fingerprint and other keys', (_, changes) => {
  const before = keysOf();
  keysOf(changes).forEach((key, layer) => expect(key).not.toBe(before[layer]));
  expect(idOf(changes)).not.toBe(idOf());
});

test('another floor is another fingerprint, and the same inversions', () => {
  const ids = [1, 8, [engine.randomWeights(0)], [engine.randomWeights(1)]].map(
    floor => fingerprintOf({...inputs, floor}).id,
  );
  expect(new Set(ids).size).toBe(4);
  expect(fingerprintOf({...inputs, floor: [engine.randomWeights(0)]}).id).toBe(ids[2]);
});

test('another pooling is another fingerprint, of the same pretrained weights', async () => {
  const folder = 'test/fixtures/architectures/vit';
  const [cls, tokens] = await Promise.all(
    (['cls', 'tokens'] as const).map(async pooling => {
      const ort = await openOrtEngine({folder, pooling});
      const print = fingerprintOf({...inputs, engine: ort, weights: ort.weights(), floor: 8});
      await ort.dispose();
      return print;
    }),
  );
  expect(cls!.id).not.toBe(tokens!.id);
  expect(cls!.pretrained).toBe(tokens!.pretrained);
  expect(cls!.floor).toBe('random 0 to 7');
});
