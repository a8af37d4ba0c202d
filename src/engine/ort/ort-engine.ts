import {InvarianceError} from '../../errors.js';
import {seededRandom} from '../../random.js';
import {isConstant} from '../../rounding.js';
import type {Features, Gram, Images, LayerName, Pooling} from '../../types.js';
import {drawn} from '../architectures/draw.js';
import type {Normalisation} from '../architectures/network.js';
import type {Draw, Spec} from '../architectures/spec.js';
import {checkImages, checkLayer, checkLoss, checkTargets} from '../check-calls.js';
import type {Engine, OnFeatures, Parameter, Weights} from '../contract.js';
import {layerParts} from '../layer-parts.js';
import type {Model} from '../onnx/tape.js';
import {takeWeights} from '../take-weights.js';
import {featuresGraph, gradientGraph, gramGraph, logitsGraph} from './graphs.js';
import type {Runtime} from './runtime.js';
import {Sessions, type Named} from './sessions.js';

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
    this.definition = JSON.stringify({...spec, ...normalisation});
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
    const taken = takeWeights(weights, this.#weights);
    this.#weights = this.#weights.map(own => {
      if (own.layer !== null) return {...own, data: taken.get(own.name)!};
      const other = weights.find(({name}) => name === own.name);
      return other ? {...other, layer: null} : own;
    });
    this.#sessions.setWeights(this.#weights);
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
    const graph = () => featuresGraph(this.#setup, [layer]);
    await this.#run({purpose: 'features', key: layer, graph}, images, {}, {[layer]: data});
    return {count: images.count, width, data};
  }

  async grams(images: Images, onFeatures?: OnFeatures): Promise<Gram[]> {
    const {count} = images;
    const widthOf = (layer: LayerName) => this.#width(layer);
    const grams: Gram[] = [];
    for (const [part, layers] of layerParts(this.layers, {count, widthOf}).entries()) {
      const features = layers.map(layer => [layer, new Float32Array(count * widthOf(layer))] as const);
      const graph = () => featuresGraph(this.#setup, layers);
      const use = {purpose: `layers ${part}`, key: layers.join(), graph};
      await this.#run(use, images, {}, Object.fromEntries(features));
      for (const [layer, data] of features) {
        onFeatures?.(layer, {count, width: widthOf(layer), data});
        grams.push(await this.#gram(data, count));
      }
    }
    return grams;
  }

  async lossAndGradient(
    images: Images,
    layer: LayerName,
    targets: Features,
  ): Promise<{loss: Float32Array; gradient: Float32Array}> {
    checkTargets(targets, layer, {count: images.count, width: this.#width(layer)});
    const loss = new Float32Array(images.count);
    const gradient = new Float32Array(images.data.length);
    const graph = () => gradientGraph(this.#setup, layer);
    await this.#run(
      {purpose: 'gradient', key: layer, graph},
      images,
      {target: targets.data},
      {loss, gradient},
    );
    checkLoss(loss, layer);
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
    const graph = () => logitsGraph({...this.#setup, classes});
    await this.#run({purpose: 'logits', key: `${classes}`, graph}, images, {}, {logits: data});
    return {count: images.count, width: classes, data};
  }

  dispose(): Promise<void> {
    return this.#sessions.release();
  }

  #width(layer: LayerName): number {
    checkLayer(layer, this.layers);
    return this.#setup.widths.get(layer)!;
  }

  async #gram(features: Float32Array, n: number): Promise<Gram> {
    const p = features.length / n;
    if (isConstant({count: n, width: p, data: features})) return {n, data: new Float64Array(n * n)};
    const data = new Float32Array(n * n);
    const use = {purpose: `gram of ${p}`, key: `${n}`, graph: () => gramGraph(n, p)};
    await this.#sessions.use(use, run => run({features}, {gram: data}));
    return {n, data: Float64Array.from(data)};
  }

  /** Runs a graph on all images, a batch at a time; every array named holds one row an image. */
  async #run(
    use: {purpose: string; key: string; graph: () => Model},
    images: Images,
    others: Named<Float32Array>,
    results: Named<Float32Array>,
  ): Promise<void> {
    checkImages(images, this.input);
    const {batch} = this.#setup;
    const feeds = {pixels: images.data, ...others};
    await this.#sessions.use(use, async run => {
      for (let start = 0; start < images.count; start += batch) {
        const rows = {start, count: Math.min(batch, images.count - start), of: images.count};
        const filled = mapped(results, data => padded(data, rows, batch));
        await run(
          mapped(feeds, data => padded(data, rows, batch)),
          filled,
        );
        if (rows.count === batch) continue;
        for (const [name, data] of Object.entries(results)) {
          const part = partOf(data, rows);
          part.set(filled[name]!.subarray(0, part.length));
        }
      }
    });
  }
}

interface Rows {
  readonly start: number;
  readonly count: number;
  /** Rows of the whole array. */
  readonly of: number;
}

function partOf(data: Float32Array, {start, count, of}: Rows): Float32Array {
  const size = data.length / of;
  return data.subarray(start * size, (start + count) * size);
}

/** These rows in place, or, where they are fewer than a batch, a copy with zeros behind. */
function padded(data: Float32Array, rows: Rows, batch: number): Float32Array {
  const part = partOf(data, rows);
  if (rows.count === batch) return part;
  const whole = new Float32Array((data.length / rows.of) * batch);
  whole.set(part);
  return whole;
}

function mapped<T, U>(named: Named<T>, map: (value: T) => U): Named<U> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [name, map(value)]));
}
