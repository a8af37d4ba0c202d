import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Engine, Weights} from '../../src/engine/contract.js';
import type {LayerSelection} from '../../src/engine/select-layers.js';
import {gramOf} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import type {Features, Images} from '../../src/types.js';

/** Opens the engine under test, always on the same model of at least two blocks and one layer that is no block. */
export type MakeEngine = (options?: {layers?: LayerSelection; batch?: number}) => Promise<Engine>;

/** What every engine keeps, whatever runs below it. */
export function testEngine(name: string, makeEngine: MakeEngine): void {
  describe(`${name} keeps the engine contract`, () => {
    let engine: Engine;
    let probes: Images;
    beforeAll(async () => {
      engine = await makeEngine();
      probes = imagesFor(engine, 5, 1);
    });
    afterAll(() => engine.dispose());

    it('names its layers from shallow to deep, its blocks among them', () => {
      expect(engine.layers.length).toBeGreaterThanOrEqual(3);
      expect(new Set(engine.layers).size).toBe(engine.layers.length);
      expect(engine.layers.filter(layer => engine.blocks.includes(layer))).toEqual(engine.blocks);
      expect(engine.blocks.length).toBeGreaterThanOrEqual(2);
      expect(engine.description).not.toBe('');
    });

    it('defines its function by a text that another engine on the same model shares', async () => {
      const other = await makeEngine({batch: 3});
      expect(other.definition).toBe(engine.definition);
      await other.dispose();
    });

    it('takes layers by name, glob or regular expression, in their own order', async () => {
      const [first, second] = engine.layers as [string, string];
      const escaped = first.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      const selection = [second, `${first.slice(0, -1)}?`, new RegExp(`^${escaped}$`)];
      const some = await makeEngine({layers: selection});
      const expected = engine.layers.filter(
        layer => layer === second || (layer.startsWith(first.slice(0, -1)) && layer.length === first.length),
      );
      expect(some.layers).toEqual(expected);
      expect((await some.grams(probes)).length).toBe(expected.length);
      await some.dispose();
    });

    it('refuses a selection that matches nothing and lists the layers there are', async () => {
      await expect(makeEngine({layers: ['no-such-layer*']})).rejects.toMatchObject({
        code: 'bad_model',
        message: expect.stringContaining(engine.layers[0]!),
      });
    });

    it('gives one row of features an image', async () => {
      for (const layer of engine.layers) {
        const features = await engine.features(probes, layer);
        expect(features.count).toBe(probes.count);
        expect(features.data.length).toBe(features.count * features.width);
        expect(features.data.every(Number.isFinite)).toBe(true);
      }
    });

    it('takes Grams that agree with float64 to 1e-5 of their trace', async () => {
      const grams = await engine.grams(probes);
      expect(grams.length).toBe(engine.layers.length);
      for (const [i, layer] of engine.layers.entries()) {
        const exact = gramOf(await engine.features(probes, layer)).data;
        const trace = exact.reduce((sum, value, at) => (at % (probes.count + 1) ? sum : sum + value), 0);
        expect(grams[i]!.n).toBe(probes.count);
        expect(largestDifference(grams[i]!.data, exact)).toBeLessThan(1e-5 * trace);
      }
    });

    it('shows the features that its Grams are made of, layer by layer', async () => {
      const shown = new Map<string, Features>();
      await engine.grams(probes, (layer, features) => shown.set(layer, features));
      expect([...shown.keys()]).toEqual(engine.layers);
      for (const [layer, {count, width, data}] of shown) {
        const alone = await engine.features(probes, layer);
        expect([count, width]).toEqual([alone.count, alone.width]);
        expect(largestDifference(data, alone.data)).toBeLessThan(1e-5 * largest(alone.data));
      }
    });

    it('takes a Gram of zeros of a layer that is constant but for rounding', async () => {
      // One image five times, its pixels off by a rounding step here and there.
      const random = seededRandom(4);
      const size = probes.data.length / probes.count;
      const data = probes.data.map(
        (_, i) => probes.data[i % size]! * (1 + Math.round(random.uniform()) * 2 ** -23),
      );
      const alike = {...probes, data};
      let rounded = 0;
      for (const layer of engine.layers) {
        const features = await engine.features(alike, layer);
        rounded += largestDifference(row(features, 0), row(features, 1));
      }
      expect(rounded).toBeGreaterThan(0);
      for (const {n, data} of await engine.grams(alike)) expect(data).toEqual(new Float64Array(n * n));
    });

    it('gives the same numbers whatever the batch size and the order of rows', async () => {
      const other = await makeEngine({batch: 2});
      const layer = engine.layers.at(-1)!;
      const order = [3, 0, 4, 1, 2];
      const straight = await engine.features(probes, layer);
      const shuffled = await other.features(rowsOf(probes, order), layer);
      order.forEach((from, to) => {
        expect(largestDifference(row(shuffled, to), row(straight, from))).toBeLessThan(
          1e-5 * largest(straight.data),
        );
      });
      await other.dispose();
    });

    it('gives the same numbers to calls that wait for each other and to calls at once', async () => {
      const layers = [engine.layers[0]!, engine.layers.at(-1)!, engine.layers[1]!];
      const alone = [];
      for (const layer of layers) alone.push(await engine.features(probes, layer));
      const targets = alone[0]!;
      const gradient = await engine.lossAndGradient(imagesFor(engine, 5, 2), layers[0]!, targets);
      const [atOnce, other] = await Promise.all([
        Promise.all(layers.map(layer => engine.features(probes, layer))),
        engine.lossAndGradient(imagesFor(engine, 5, 2), layers[0]!, targets),
      ]);
      expect(atOnce).toEqual(alone);
      expect(other).toEqual(gradient);
    });

    it('has a gradient that is the slope of the loss', async () => {
      const start = imagesFor(engine, 5, 2);
      for (const layer of [engine.layers[0]!, engine.layers.at(-1)!]) {
        const targets = await engine.features(probes, layer);
        const {gradient} = await engine.lossAndGradient(start, layer, targets);
        const size = gradient.length / start.count;
        for (const part of [0, 1, 2]) {
          const direction = gradient.map((value, i) => (i % 3 === part ? value : 0));
          const lengths = Array.from({length: start.count}, (_, i) =>
            Math.hypot(...direction.subarray(i * size, (i + 1) * size)),
          );
          const moved = async (step: number) => {
            const data = start.data.map((value, i) => {
              const at = Math.floor(i / size);
              return value + (step * direction[i]!) / lengths[at]!;
            });
            return (await engine.lossAndGradient({...start, data}, layer, targets)).loss;
          };
          const step = 0.02;
          const [up, down] = [await moved(step), await moved(-step)];
          lengths.forEach((slope, i) => expect((up[i]! - down[i]!) / (2 * step) / slope).toBeCloseTo(1, 1.5));
        }
      }
    });

    it('has the relative error of features as its loss', async () => {
      const start = imagesFor(engine, 5, 2);
      const layer = engine.layers[1]!;
      const targets = await engine.features(probes, layer);
      const own = await engine.features(start, layer);
      const {loss} = await engine.lossAndGradient(start, layer, targets);
      loss.forEach((value, i) => {
        const difference = row(own, i).map((feature, at) => feature - row(targets, i)[at]!);
        expect(value).toBeCloseTo(Math.hypot(...difference) / Math.hypot(...row(targets, i)), 4);
      });
    });

    it('has zero loss and a zero gradient at its target', async () => {
      const layer = engine.layers[0]!;
      const targets = await engine.features(probes, layer);
      const {loss, gradient} = await engine.lossAndGradient(probes, layer, targets);
      expect(largest(loss)).toBeLessThan(1e-5);
      expect(gradient.every(Number.isFinite)).toBe(true);
    });

    it('clamps pixels to [0, 1] and lets no gradient pass beyond', async () => {
      const layer = engine.layers[0]!;
      const beyond = {...probes, data: probes.data.map((value, i) => (i % 4 ? value : i % 8 ? 1.5 : -0.5))};
      const clamped = {...probes, data: beyond.data.map(value => Math.min(1, Math.max(0, value)))};
      const targets = await engine.features(imagesFor(engine, 5, 3), layer);
      const outside = await engine.lossAndGradient(beyond, layer, targets);
      const inside = await engine.lossAndGradient(clamped, layer, targets);
      expect(largestDifference(outside.loss, inside.loss)).toBeLessThan(1e-6);
      expect(outside.gradient.every((value, i) => i % 4 !== 0 || value === 0)).toBe(true);
      // At the ends themselves the gradient passes, as torch.clamp has it.
      expect(inside.gradient.some((value, i) => i % 4 === 0 && value !== 0)).toBe(true);
    });

    it('refuses images of another size, unknown layers and targets of another width', async () => {
      const layer = engine.layers[0]!;
      const targets = await engine.features(probes, layer);
      const wide = {...probes, width: probes.width * 2, height: probes.height / 2};
      const bad = {code: 'bad_option'};
      await expect(engine.features(wide, layer)).rejects.toMatchObject(bad);
      await expect(engine.features(probes, 'no-such-layer')).rejects.toMatchObject(bad);
      const short = {...targets, count: targets.count - 1};
      await expect(engine.lossAndGradient(probes, layer, short)).rejects.toMatchObject(bad);
    });

    it('says of each weight the first layer that depends on it', async () => {
      const weights = engine.weights();
      const owners = new Set(weights.map(({layer}) => layer));
      const layer = engine.layers.find((name, i) => i > 0 && owners.has(name))!;
      const before = engine.layers.slice(0, engine.layers.indexOf(layer));
      const moved = weights.map(weight =>
        weight.layer === layer ? {...weight, data: weight.data.map(value => value + 0.1)} : weight,
      );
      const [shallow, own] = [before.at(-1)!, layer];
      const was = [await engine.features(probes, shallow), await engine.features(probes, own)];
      engine.setWeights(moved);
      const is = [await engine.features(probes, shallow), await engine.features(probes, own)];
      engine.setWeights(weights);
      expect(is[0]!.data).toEqual(was[0]!.data);
      expect(is[1]!.data).not.toEqual(was[1]!.data);
    });

    it('gives the same numbers again when weights are put back', async () => {
      const weights = snapshot(engine.weights());
      const layer = engine.layers.at(-1)!;
      const before = await engine.features(probes, layer);
      engine.setWeights(engine.randomWeights(7));
      expect(await engine.features(probes, layer)).not.toEqual(before);
      engine.setWeights(weights);
      expect(await engine.features(probes, layer)).toEqual(before);
    });

    it('refuses weights that are missing, misshapen or not finite, by name', () => {
      const weights = engine.weights();
      const at = weights.findIndex(({layer, shape}) => layer !== null && shape.length > 1);
      const {name, shape, data} = weights[at]!;
      const refusal = (other: Weights) => {
        try {
          engine.setWeights(other);
        } catch (error) {
          return error;
        }
        return undefined;
      };
      const named = {code: 'bad_weights', message: expect.stringContaining(name)};
      expect(refusal(weights.toSpliced(at, 1))).toMatchObject(named);
      const reshaped = refusal(weights.with(at, {...weights[at]!, shape: [...shape, 1]}));
      expect(reshaped).toMatchObject(named);
      expect(reshaped).toMatchObject({message: expect.stringContaining(shape.join(', '))});
      expect(refusal(weights.with(at, {...weights[at]!, data: data.with(1, NaN)}))).toMatchObject(named);
      expect(refusal(weights.with(at, {...weights[at]!, data: data.with(1, Infinity)}))).toMatchObject(named);
    });

    it('ignores weights that no measured layer depends on', async () => {
      const first = await makeEngine({layers: [engine.layers[0]!]});
      const measured = first.weights().filter(({layer}) => layer !== null);
      expect(measured.length).toBeLessThan(first.weights().length);
      expect(() => first.setWeights(measured)).not.toThrow();
      await first.dispose();
    });

    it('draws fresh weights by seed', () => {
      const [one, same, other] = [1, 1, 2].map(seed => engine.randomWeights(seed)) as [
        Weights,
        Weights,
        Weights,
      ];
      expect(one).toEqual(same);
      expect(one).not.toEqual(other);
      expect(one.map(({name, shape}) => ({name, shape}))).toEqual(
        engine.weights().map(({name, shape}) => ({name, shape})),
      );
    });

    it('can be disposed of twice', async () => {
      const other = await makeEngine();
      await other.features(probes, other.layers[0]!);
      await other.dispose();
      await expect(other.dispose()).resolves.toBeUndefined();
    });
  });
}

/** Images well inside [0, 1], so that no clamp is at work. */
export function imagesFor({input}: Pick<Engine, 'input'>, count: number, seed: number): Images {
  const random = seededRandom(seed);
  const length = count * input.channels * input.height * input.width;
  return {...input, count, data: Float32Array.from({length}, () => 0.2 + 0.6 * random.uniform())};
}

const snapshot = (weights: Weights): Weights =>
  weights.map(weight => ({...weight, data: weight.data.slice()}));

function row({width, data}: Features, i: number): Float32Array {
  return data.subarray(i * width, (i + 1) * width);
}

function rowsOf(images: Images, order: readonly number[]): Images {
  const size = images.data.length / images.count;
  const data = new Float32Array(order.length * size);
  order.forEach((from, to) => data.set(images.data.subarray(from * size, (from + 1) * size), to * size));
  return {...images, count: order.length, data};
}

const largest = (values: ArrayLike<number>) =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return largest(Array.from(a, (value, i) => value - b[i]!));
}
