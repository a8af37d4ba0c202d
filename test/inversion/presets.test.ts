import {describe, expect, test} from 'vitest';
import {InvarianceError} from '../../src/errors.js';
import {drawSeeds, invertLayer, inversionOptions, PRESETS} from '../../src/inversion/index.js';
import type {Features, Images} from '../../src/types.js';
import {analyticEngine, analyticProbes} from '../analytic/engine.js';

const layer = 'block_02';

async function lossesOf(engine: ReturnType<typeof analyticEngine>, images: Images, targets: Features) {
  return [...(await engine.lossAndGradient(images, layer, targets)).loss];
}

async function invertWith(options: ReturnType<typeof inversionOptions>) {
  const engine = analyticEngine();
  const probes = analyticProbes();
  const seeds = drawSeeds({like: probes});
  const targets = await engine.features(probes, layer);
  const inverted = await invertLayer({engine, layer, probes, seeds, options});
  return {engine, probes, seeds, targets, inverted};
}

describe('stir', () => {
  test('one step moves each image by half a pixel unit against its gradient, then clamps', async () => {
    const {engine, seeds, targets, inverted} = await invertWith(inversionOptions({preset: 'stir', steps: 1}));
    const {loss, gradient} = await engine.lossAndGradient(seeds, layer, targets);
    const stepped = seeds.data.map((value, at) => {
      const image = Math.floor(at / 16);
      const norm = Math.hypot(...gradient.subarray(16 * image, 16 * image + 16));
      return Math.min(1, Math.max(0, value - (0.5 * gradient[at]!) / norm));
    });
    const losses = await lossesOf(engine, {...seeds, data: stepped}, targets);
    for (let image = 0; image < seeds.count; image++) {
      const kept = losses[image]! < loss[image]! ? stepped : seeds.data;
      const [a, b] = [inverted.images.data, kept].map(data => [
        ...data.subarray(16 * image, 16 * image + 16),
      ]);
      a!.forEach((value, pixel) => expect(value).toBeCloseTo(b![pixel]!, 5));
    }
    expect(losses.some((value, image) => value < loss[image]!)).toBe(true);
  });

  test('keeps the best iterate, so more steps never give a higher loss', async () => {
    let before = Infinity;
    for (const steps of [1, 4, 16, 64]) {
      const {engine, targets, inverted} = await invertWith(inversionOptions({preset: 'stir', steps}));
      const losses = await lossesOf(engine, inverted.images, targets);
      const worst = Math.max(...losses);
      expect(worst).toBeLessThanOrEqual(before);
      before = worst;
    }
  });

  test('what was kept halfway is what half of the steps would have given', async () => {
    const {inverted: full} = await invertWith(inversionOptions({preset: 'stir', steps: 20}));
    const {inverted: half} = await invertWith(inversionOptions({preset: 'stir', steps: 10}));
    half.images.data.forEach((value, at) => expect(full.halfway.data[at]).toBeCloseTo(value, 4));
    expect(full.images.data).not.toEqual(full.halfway.data);
  });

  test('keeps a seed that no iterate betters', async () => {
    const engine = analyticEngine();
    const probes = analyticProbes();
    const {images} = await invertLayer({
      engine,
      layer,
      probes,
      seeds: probes,
      options: inversionOptions({preset: 'stir', steps: 3}),
    });
    expect(images.data).toEqual(probes.data);
  });
});

describe('fast', () => {
  test('gets nearer in 50 evaluations than stir in 100', async () => {
    const fast = await invertWith({...PRESETS.fast, tolerance: 0});
    const stir = await invertWith(inversionOptions({preset: 'stir', steps: 100}));
    const mean = async ({engine, inverted, targets}: typeof fast) => {
      const losses = await lossesOf(engine, inverted.images, targets);
      return losses.reduce((sum, loss) => sum + loss) / losses.length;
    };
    expect(await mean(fast)).toBeLessThan(await mean(stir));
    expect(fast.inverted.evaluations).toBe(50);
  });

  test('drops images that meet the tolerance, and counts only what it evaluated', async () => {
    const strict = await invertWith({...PRESETS.fast, tolerance: 0});
    const early = await invertWith({...PRESETS.fast, tolerance: 0.2});
    expect(early.inverted.evaluations).toBeLessThan(strict.inverted.evaluations);
    expect(early.engine.calls.gradients).toBe(early.inverted.evaluations * early.probes.count);
    const {targets, engine, inverted} = early;
    const variance = varianceOf(targets);
    (await lossesOf(engine, inverted.images, targets)).forEach((loss, image) => {
      const row = targets.data.subarray(image * targets.width, (image + 1) * targets.width);
      expect((loss * Math.hypot(...row)) ** 2).toBeLessThanOrEqual(0.2 * variance);
    });
  });

  test('leaves every pixel inside [0, 1]', async () => {
    const {inverted} = await invertWith(inversionOptions({steps: 5}));
    expect(Math.min(...inverted.images.data)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...inverted.images.data)).toBeLessThanOrEqual(1);
  });

  test('each image is inverted on its own: its neighbours do not matter', async () => {
    const whole = await invertWith(inversionOptions());
    const engine = analyticEngine();
    const first = (images: Images): Images => ({...images, count: 1, data: images.data.slice(0, 16)});
    const alone = await invertLayer({
      engine,
      layer,
      probes: first(whole.probes),
      seeds: first(whole.seeds),
      options: {...PRESETS.fast, tolerance: 0},
    });
    const again = await invertWith({...PRESETS.fast, tolerance: 0});
    alone.images.data.forEach((value, at) => expect(value).toBeCloseTo(again.inverted.images.data[at]!, 4));
  });
});

test('a layer that gives no numbers leaves its images at their seeds', async () => {
  for (const preset of ['stir', 'fast']) {
    const engine = analyticEngine();
    const probes = analyticProbes();
    const seeds = drawSeeds({like: probes});
    const broken = {
      ...engine,
      lossAndGradient: async (images: Images) => ({
        loss: new Float32Array(images.count).fill(NaN),
        gradient: new Float32Array(images.data.length).fill(NaN),
      }),
      features: async (images: Images) => ({
        count: images.count,
        width: 12,
        data: new Float32Array(12 * images.count),
      }),
    };
    const {images} = await invertLayer({
      engine: broken,
      layer,
      probes,
      seeds,
      options: inversionOptions({preset, steps: 3}),
    });
    images.data.forEach((value, at) =>
      expect([seeds.data[at], Math.min(1, Math.max(0, seeds.data[at]!))]).toContain(value),
    );
  }
});

test('seeds are standard normal, and fixed by their number', () => {
  const like = {count: 64, channels: 3, height: 16, width: 16};
  const {data} = drawSeeds({like});
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  expect(mean).toBeCloseTo(0, 1);
  expect(variance).toBeCloseTo(1, 1);
  expect(drawSeeds({like}).data).toEqual(data);
  expect(drawSeeds({like, seed: 1}).data).not.toEqual(data);
});

test('unknown presets and impossible steps are refused by name', () => {
  expect(() => inversionOptions({preset: 'slow'})).toThrow(/unknown inversion preset: slow/);
  for (const steps of [0, -1, 1.5, NaN]) {
    expect(() => inversionOptions({steps})).toThrow(InvarianceError);
    expect(() => inversionOptions({steps})).toThrow(`invalid inversion steps: ${steps}`);
  }
  expect(inversionOptions({preset: 'stir'}).steps).toBe(500);
  expect(inversionOptions()).toBe(PRESETS.fast);
});

function varianceOf({count, width, data}: Features): number {
  let variance = 0;
  for (let column = 0; column < width; column++) {
    const values = Array.from({length: count}, (_, row) => data[row * width + column]!);
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    variance += values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  }
  return variance;
}

describe.each(['stir', 'fast'] as const)('images that the layer maps to zero, under preset %s,', preset => {
  test('stay their seeds, and the others are inverted as if they were alone', async () => {
    const options = inversionOptions({preset, steps: 8});
    const engine = analyticEngine();
    const probes = analyticProbes({count: 5});
    const seeds = drawSeeds({like: probes});
    const dead = [1, 4];
    const dying: typeof engine = {
      ...engine,
      async features(images, of) {
        const features = await engine.features(images, of);
        if (images !== probes) return features;
        for (const row of dead) features.data.fill(0, row * features.width, (row + 1) * features.width);
        return features;
      },
      async lossAndGradient(images, of, targets) {
        const made = await engine.lossAndGradient(images, of, targets);
        expect([...made.loss].every(Number.isFinite)).toBe(true);
        return made;
      },
    };
    const pick = (images: Images, places: number[]): Images => ({
      ...images,
      count: places.length,
      data: Float32Array.from(
        places.flatMap(place => [...images.data.subarray(16 * place, 16 * place + 16)]),
      ),
    });
    const inverted = await invertLayer({engine: dying, layer, probes, seeds, options});
    const live = [0, 2, 3];
    const alone = await invertLayer({
      engine,
      layer,
      probes: pick(probes, live),
      seeds: pick(seeds, live),
      options,
    });
    for (const which of ['images', 'halfway'] as const) {
      expect(pick(inverted[which], dead)).toEqual(pick(seeds, dead));
      expect(pick(inverted[which], live)).toEqual(alone[which]);
    }
    expect(inverted.evaluations).toBeCloseTo((3 / 5) * alone.evaluations, 10);
  });
});
