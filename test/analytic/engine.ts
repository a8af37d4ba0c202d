import type {Engine, Parameter, Weights} from '../../src/engine/index.js';
import {checkLoss} from '../../src/engine/check-calls.js';
import {InvarianceError} from '../../src/errors.js';
import {seededRandom} from '../../src/random.js';
import type {Features, Gram, Images, LayerName} from '../../src/types.js';

/**
 * A stack of tanh layers with exact gradients, in plain numbers: every room above the engines can be tested on it in
 * milliseconds. Pixels are clamped to [0, 1] and normalised by mean .5 and deviation .5, as the real engines do.
 */
export function analyticEngine({
  depth = 3,
  width = 12,
  side = 4,
  seed = 1,
}: {depth?: number; width?: number; side?: number; seed?: number} = {}): Engine & {
  calls: {forwards: number; gradients: number};
} {
  const input = {channels: 1, height: side, width: side};
  const pixels = side * side;
  const layers = Array.from({length: depth}, (_, at) => `block_0${at}`);
  let weights = draw(seed);
  const calls = {forwards: 0, gradients: 0};

  function draw(from: number): Weights {
    const random = seededRandom(from);
    return layers.flatMap((layer, at): Parameter[] => {
      const ins = at === 0 ? pixels : width;
      const data = Float32Array.from({length: width * ins}, () => random.normal() / Math.sqrt(ins));
      const bias = Float32Array.from({length: width}, () => random.normal() * 0.1);
      return [
        {name: `${layer}.weight`, shape: [width, ins], data, layer},
        {name: `${layer}.bias`, shape: [width], data: bias, layer},
      ];
    });
  }

  /** Activations of every layer up to `depthOf`, the normalised pixels first. */
  function forward(image: Float32Array, depthOf: number): Float64Array[] {
    const activations = [Float64Array.from(image, value => (Math.min(1, Math.max(0, value)) - 0.5) / 0.5)];
    for (let at = 0; at < depthOf; at++) {
      const from = activations[at]!;
      const kernel = weights[2 * at]!.data;
      const bias = weights[2 * at + 1]!.data;
      activations.push(
        Float64Array.from({length: width}, (_, out) => {
          let sum = bias[out]!;
          for (let k = 0; k < from.length; k++) sum += kernel[out * from.length + k]! * from[k]!;
          return Math.tanh(sum);
        }),
      );
    }
    return activations;
  }

  const imageOf = (images: Images, at: number) => images.data.subarray(at * pixels, (at + 1) * pixels);

  function featuresOf(images: Images, layer: LayerName): Features {
    const upTo = layers.indexOf(layer) + 1;
    const data = new Float32Array(images.count * width);
    for (let at = 0; at < images.count; at++) data.set(forward(imageOf(images, at), upTo)[upTo]!, at * width);
    return {count: images.count, width, data};
  }

  return {
    calls,
    description: 'analytic tanh layers',
    definition: `tanh ${depth} × ${width}, mean .5, deviation .5`,
    layers,
    blocks: layers,
    pooling: 'tokens',
    input,
    weights: () => weights,
    setWeights(next) {
      next.forEach(({name, shape, data}, at) => {
        if (name !== weights[at]!.name || shape.join() !== weights[at]!.shape.join())
          throw new InvarianceError('bad_weights', `tensor ${name} does not fit`);
        if (!data.every(Number.isFinite))
          throw new InvarianceError('bad_weights', `tensor ${name} holds values that are not finite`);
      });
      weights = next;
    },
    randomWeights: draw,
    async features(images, layer) {
      await turn();
      calls.forwards += images.count;
      return featuresOf(images, layer);
    },
    async grams(images, onFeatures) {
      await turn();
      calls.forwards += images.count;
      return layers.map(layer => {
        const features = featuresOf(images, layer);
        onFeatures?.(layer, features);
        return gram(features);
      });
    },
    async lossAndGradient(images, layer, targets) {
      await turn();
      calls.gradients += images.count;
      const upTo = layers.indexOf(layer) + 1;
      const loss = new Float32Array(images.count);
      const gradient = new Float32Array(images.data.length);
      for (let at = 0; at < images.count; at++) {
        const image = imageOf(images, at);
        const activations = forward(image, upTo);
        const target = targets.data.subarray(at * width, (at + 1) * width);
        const difference = activations[upTo]!.map((value, k) => value - target[k]!);
        const error = Math.hypot(...difference);
        const norm = Math.hypot(...target);
        loss[at] = error / norm;
        let back = difference.map(value => (error > 0 ? value / error / norm : 0));
        for (let deep = upTo; deep > 0; deep--) {
          const out = activations[deep]!;
          const kernel = weights[2 * (deep - 1)]!.data;
          const ins = activations[deep - 1]!.length;
          const through = back.map((value, k) => value * (1 - out[k]! ** 2));
          back = Float64Array.from({length: ins}, (_, k) => {
            let sum = 0;
            for (let o = 0; o < width; o++) sum += kernel[o * ins + k]! * through[o]!;
            return sum;
          });
        }
        for (let k = 0; k < pixels; k++)
          gradient[at * pixels + k] = image[k]! >= 0 && image[k]! <= 1 ? back[k]! / 0.5 : 0;
      }
      checkLoss(loss, layer);
      return {loss, gradient};
    },
    async dispose() {},
  };
}

/** Real engines compute after other work had its turn: who changes weights meanwhile is found out. */
const turn = () => new Promise(resolve => setImmediate(resolve));

function gram({count, width, data}: Features): Gram {
  const centred = Float64Array.from(data);
  for (let column = 0; column < width; column++) {
    let mean = 0;
    for (let row = 0; row < count; row++) mean += centred[row * width + column]! / count;
    for (let row = 0; row < count; row++) centred[row * width + column]! -= mean;
  }
  const products = new Float64Array(count * count);
  for (let a = 0; a < count; a++)
    for (let b = 0; b < count; b++)
      for (let k = 0; k < width; k++)
        products[a * count + b]! += centred[a * width + k]! * centred[b * width + k]!;
  return {n: count, data: products};
}

/** Uniform pixels in [0, 1] that fit the engine above. */
export function analyticProbes({count = 16, side = 4, seed = 5} = {}): Images {
  const random = seededRandom(seed);
  return {
    count,
    channels: 1,
    height: side,
    width: side,
    data: Float32Array.from({length: count * side * side}, () => random.uniform()),
  };
}
