import {expect, test} from 'vitest';
import {DEFAULT_FACTORS, FACTORS, selectFactors, transform} from '../../src/factors/index.js';
import {seededRandom} from '../../src/random.js';
import type {Images} from '../../src/types.js';

const names = (selection?: Parameters<typeof selectFactors>[0]) =>
  selectFactors(selection).map(({name, strength}) => `${name}:${strength}`);

test('a panel is five factors, all twelve, none, or those named, in one order, with their strengths', () => {
  expect(selectFactors().map(({name}) => name)).toEqual(DEFAULT_FACTORS);
  expect(names('all')).toEqual(Object.entries(FACTORS).map(([name, {strength}]) => `${name}:${strength}`));
  expect(names('all')).toHaveLength(12);
  expect(names('none')).toEqual([]);
  expect(names(['shift', 'rotation:15'])).toEqual(['rotation:15', 'shift:0.1']);
});

test.each([
  [['tint'], "invalid factors: tint; it takes 'all', 'none', or names out of hue, "],
  [['hue', 'hue:0.2'], 'invalid factors: hue comes twice'],
  [
    ['rotation:200'],
    'invalid factors: rotation:200; the strength of rotation lies above 0 and is at most 180',
  ],
  [['hue:'], 'invalid factors: hue:0'],
  [['hue:much'], 'invalid factors: hue:NaN'],
])('%j is refused', (selection, message) => {
  expect(() => selectFactors(selection)).toThrow(message);
});

/** Random colours. */
function noise(count: number): Images {
  const random = seededRandom(9);
  const data = Float32Array.from({length: count * 3 * 16 * 16}, () => random.uniform());
  return {count, channels: 3, height: 16, width: 16, data};
}

test.each(selectFactors('all'))(
  '$name gives the same images each time, in [0, 1], whatever comes after',
  factor => {
    const [few, many] = [noise(4), noise(8)].map(images => transform(images, factor));
    if (few!.status === 'withheld' || many!.status === 'withheld') throw new Error('nothing changed');
    expect(transform(noise(4), factor)).toEqual(few);
    expect(many!.images.data.slice(0, few!.images.data.length)).toEqual(few!.images.data);
    expect(Math.min(...many!.images.data)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...many!.images.data)).toBeLessThanOrEqual(1);
  },
);

test.each(['hue', 'brightness', 'noise', 'rotation', 'shift', 'scale', 'occlusion'])(
  '%s is drawn for each image on its own, and anew for another seed',
  name => {
    const [factor] = selectFactors([name]);
    const one = noise(1);
    const twins = {
      ...one,
      count: 8,
      data: Float32Array.from({length: 8 * one.data.length}, (_, k) => one.data[k % one.data.length]!),
    };
    const changed = transform(twins, factor!);
    if (changed.status === 'withheld') throw new Error(changed.reason);
    const each = Array.from({length: 8}, (_, k) =>
      changed.images.data.slice(k * one.data.length, (k + 1) * one.data.length).join(),
    );
    expect(new Set(each).size).toBeGreaterThan(5);
    expect(transform(twins, factor!, {seed: 1})).not.toEqual(changed);
  },
);

test('noise has the deviation asked for', () => {
  const grey = {...noise(8), data: new Float32Array(8 * 3 * 16 * 16).fill(0.5)};
  const noisy = transform(grey, selectFactors(['noise:0.05'])[0]!);
  if (noisy.status === 'withheld') throw new Error(noisy.reason);
  const deviation = Math.sqrt(
    noisy.images.data.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / noisy.images.data.length,
  );
  expect(deviation).toBeCloseTo(0.05, 2);
});
