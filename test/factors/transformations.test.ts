import {describe, expect, test} from 'vitest';
import {blur} from '../../src/factors/blur.js';
import {brighten, contrast, saturate, turnHue} from '../../src/factors/colour.js';
import {occlude} from '../../src/factors/occlude.js';
import type {Pixels} from '../../src/factors/pixels.js';
import {flip, rotate, shift, zoom} from '../../src/factors/warp.js';
import {openSafetensors} from '../../src/models/index.js';

/** Made by torchvision and PyTorch, in `scripts/factor-fixtures.py`. */
const file = await openSafetensors('test/fixtures/factors.safetensors');

async function read(name: string): Promise<Pixels[]> {
  const {shape, data} = await file.read(name);
  const [count, channels, height, width] = shape as [number, number, number, number];
  const size = channels * height * width;
  return Array.from({length: count}, (_, at) => ({
    channels,
    height,
    width,
    data: (data as Float32Array).slice(at * size, (at + 1) * size),
  }));
}

const images = await read('images');
const oneChannel = images.map(image => ({
  ...image,
  channels: 1,
  data: image.data.slice(0, image.height * image.width),
}));

const clamped = (data: Float32Array) => data.map(value => Math.min(1, Math.max(0, value)));

describe.each<[name: string, change: (image: Pixels) => Float32Array, of?: Pixels[]]>([
  ['hue 0.3', image => turnHue(image, 0.3)],
  ['hue -0.45', image => turnHue(image, -0.45)],
  ['grey', image => saturate(image, 0)],
  ['saturation 1.4', image => saturate(image, 1.4)],
  ['brightness 1.3', image => brighten(image, 1.3)],
  ['contrast 0.6', image => contrast(image, 0.6)],
  ['contrast 0.6 of one channel', image => contrast(image, 0.6), oneChannel],
  ['blur 1', image => blur(image, 1)],
  ['blur 2.5', image => blur(image, 2.5)],
  ['flip', flip],
  ['rotation 25', image => rotate(image, 25)],
  ['rotation -80', image => rotate(image, -80)],
  ['shift 3 -2', image => shift(image, 3, -2)],
  ['scale 1.2', image => zoom(image, 1.2)],
  ['scale 0.7', image => zoom(image, 0.7)],
  ['occlusion 2 5 4', image => occlude(image, {top: 2, left: 5, side: 4})],
])('%s', (name, change, of = images) => {
  test("makes torchvision's pixels", async () => {
    const expected = await read(name);
    expect(expected).toHaveLength(of.length);
    for (const [at, image] of of.entries()) {
      const changed = clamped(change(image));
      expect(changed).toHaveLength(expected[at]!.data.length);
      const farthest = Math.max(...changed.map((value, k) => Math.abs(value - expected[at]!.data[k]!)));
      expect(farthest).toBeLessThan(2e-6);
      const moved = Math.max(...changed.map((value, k) => Math.abs(value - image.data[k]!)));
      expect(moved).toBeGreaterThan(0.05);
    }
  });
});
