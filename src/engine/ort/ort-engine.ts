import {InvarianceError} from '../../errors.js';
import {seededRandom} from '../../random.js';
import type {Features, Gram, Images, LayerName, Pooling} from '../../types.js';
import {checkFinite, checkShape} from '../architectures/check-weights.js';
import {drawn} from '../architectures/draw.js';
import type {Normalisation} from '../architectures/network.js';
import type {Draw, Spec} from '../architectures/spec.js';
import type {Model} from '../onnx/tape.js';
import type {Engine, Parameter, Weights} from '../contract.js';
import {featuresGraph, gradientGraph, gramGraph, logitsGraph} from './graphs.js';
import type {Runtime} from './runtime.js';
import {Sessions, type Named, type Run} from './sessions.js';

/** Bytes of features held at once while Grams are taken; layers that do not fit take another forward pass. */
const FEATURE_BYTES = 512 * 2 ** 20;

interface Setup {
  runtime: Runtime;
  spec: Spec;
  normalisation: Normalisation;
  pooling: Pooling;
  /** Images a run; the last one is padded. */
  batch: number;
  layers: readonly LayerName[];
  blocks: readonly LayerName[];
  /** Numbers of one image's row of each layer. */
  widths: ReadonlyMap<LayerName, number>;
  draw: (name: string, shape: readonly number[]) => Draw;
  weights: Weights;
}

/** A known architecture on onnxruntime, weights fed as inputs. Made by `openOrtEngine`. */
export class OrtEngine implements Engine {
  readonly description: string;
  readonly definition: string;
  readonly layers: readonly LayerName[];
  readonly blocks: readonly LayerName[];
  readonly pooling: Pooling;
  readonly input: Engine['input'];
  readonly #setup: Setup;
  readonly #sessions: Sessions;
  #weights: Weights;

  constructor(setup: Setup) {
    const {runtime, spec, normalisation, weights} = setup;
    this.#setup = setup;
    this.#sessions = new Sessions(runtime);
    this.description = runtime.description;
    this.definition = JSON.stringify({...spec, ...normalisation, pooling: setup.pooling});
    this.layers = setup.layers;
    this.blocks = setup.blocks;
    this.pooling = setup.pooling;
    this.input = {channels: spec.channels, ...spec.image};
    this.#weights = weights;
    this.#sessions.setWeights(weights);
  }

  weights(): Weights {
    return this.#weights;
  }

  setWeights(weights: Weights): void {
    const given = new Map(weights.map(parameter => [parameter.name, parameter]));
    const next = this.#weights.map(own => {
      const other = given.get(own.name);
      if (own.layer === null) return other ? {...other, layer: null} : own;
      if (!other) throw new InvarianceError('bad_weights', `tensor ${own.name} is missing from the weights`);
      checkShape(own.name, other.shape, own.shape);
      checkFinite(other);
      return {...own, data: other.data};
    });
    this.#weights = next;
    this.#sessions.setWeights(next);
  }

  randomWeights(seed: number): Weights {
    const random = seededRandom(seed);
    return this.#weights.map((own): Parameter => {
      const draw = this.#setup.draw(own.name, own.shape);
      return {...own, data: drawn(draw, own.data.length, random)};
    });
  }

  async features(images: Images, layer: LayerName): Promise<Features> {
    const width = this.#width(layer);
    const data = new Float32Array(images.count * width);
    const run = await this.#session('features', layer, () => featuresGraph(this.#setup, [layer]));
    await this.#batches(images, run, {}, {[layer]: data});
    return {count: images.count, width, data};
  }

  async grams(images: Images): Promise<Gram[]> {
    const grams: Gram[] = [];
    for (const [part, layers] of this.#parts(images.count).entries()) {
      const run = await this.#session(`layers ${part}`, layers.join(), () =>
        featuresGraph(this.#setup, layers),
      );
      const features = layers.map(layer => new Float32Array(images.count * this.#width(layer)));
      await this.#batches(
        images,
        run,
        {},
        Object.fromEntries(layers.map((layer, i) => [layer, features[i]!])),
      );
      for (const data of features) grams.push(await this.#gram(data, images.count));
    }
    return grams;
  }

  async lossAndGradient(
    images: Images,
    layer: LayerName,
    targets: Features,
  ): Promise<{loss: Float32Array; gradient: Float32Array}> {
    const width = this.#width(layer);
    if (targets.count !== images.count || targets.width !== width)
      throw new InvarianceError(
        'bad_option',
        `targets are ${targets.count} × ${targets.width}; ${layer} of these images is ${images.count} × ${width}`,
      );
    const loss = new Float32Array(images.count);
    const gradient = new Float32Array(images.data.length);
    const run = await this.#session('gradient', layer, () => gradientGraph(this.#setup, layer));
    await this.#batches(images, run, {target: targets.data}, {loss, gradient});
    const undefinedAt = loss.findIndex(value => !Number.isFinite(value));
    if (undefinedAt >= 0)
      throw new InvarianceError(
        'engine_failed',
        `the loss of image ${undefinedAt} at ${layer} is ${loss[undefinedAt]}: its target is zero or not finite`,
      );
    return {loss, gradient};
  }

  /**
   * The classifier's output, (n, classes), by the weights in force.
   * @throws InvarianceError `bad_model` where the folder had no classifier
   */
  async logits(images: Images): Promise<Features> {
    const classes = this.#weights.find(({name}) => name === 'head.weight')?.shape[0];
    if (!classes) throw new InvarianceError('bad_model', 'these weights have no classifier');
    const data = new Float32Array(images.count * classes);
    const run = await this.#session('logits', String(classes), () => logitsGraph({...this.#setup, classes}));
    await this.#batches(images, run, {}, {logits: data});
    return {count: images.count, width: classes, data};
  }

  dispose(): Promise<void> {
    return this.#sessions.release();
  }

  #session(purpose: string, key: string, graph: () => Model): Promise<Run> {
    return this.#sessions.get(purpose, key, graph);
  }

  #width(layer: LayerName): number {
    const width = this.#setup.widths.get(layer);
    if (width !== undefined && this.layers.includes(layer)) return width;
    throw new InvarianceError(
      'bad_option',
      `unknown layer ${layer}; the layers are ${this.layers.join(', ')}`,
    );
  }

  /** Consecutive layers whose features of `count` images fit into memory together. */
  #parts(count: number): LayerName[][] {
    const parts: LayerName[][] = [];
    let free = 0;
    for (const layer of this.layers) {
      const bytes = 4 * count * this.#width(layer);
      if (bytes > free || parts.length === 0) {
        parts.push([]);
        free = FEATURE_BYTES;
      }
      parts.at(-1)!.push(layer);
      free -= bytes;
    }
    return parts;
  }

  async #gram(features: Float32Array, n: number): Promise<Gram> {
    const p = features.length / n;
    const run = await this.#session(`gram ${p}`, `${n}`, () => gramGraph(n, p));
    const data = new Float32Array(n * n);
    await run({features}, {gram: data});
    return {n, data: Float64Array.from(data)};
  }

  /** Runs all images, a batch at a time; every array named holds one row an image. */
  async #batches(
    images: Images,
    run: Run,
    others: Named<Float32Array>,
    results: Named<Float32Array>,
  ): Promise<void> {
    const {channels, height, width} = this.input;
    if (images.channels !== channels || images.height !== height || images.width !== width)
      throw new InvarianceError(
        'bad_option',
        `images are ${images.channels} × ${images.height} × ${images.width}; ` +
          `this model takes ${channels} × ${height} × ${width}`,
      );
    const {batch} = this.#setup;
    const feeds = {pixels: images.data, ...others};
    for (let start = 0; start < images.count; start += batch) {
      const rows = Math.min(batch, images.count - start);
      const part = (data: Float32Array) => {
        const size = data.length / images.count;
        return data.subarray(start * size, (start + rows) * size);
      };
      const padded = (data: Float32Array) => {
        if (rows === batch) return part(data);
        const whole = new Float32Array((data.length / images.count) * batch);
        whole.set(part(data));
        return whole;
      };
      const filled = mapped(results, padded);
      await run(mapped(feeds, padded), filled);
      if (rows === batch) continue;
      for (const [name, data] of Object.entries(results)) {
        part(data).set(filled[name]!.subarray(0, part(data).length));
      }
    }
  }
}

function mapped<T, U>(named: Named<T>, map: (value: T) => U): Named<U> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [name, map(value)]));
}
