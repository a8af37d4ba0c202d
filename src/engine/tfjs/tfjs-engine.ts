import type {Features, Gram, Images, LayerName, Pooling} from '../../types.js';
import {checkImages, checkLayer, checkLoss, checkTargets} from '../check-calls.js';
import type {Engine, OnFeatures, Weights} from '../contract.js';
import {layerParts} from '../layer-parts.js';
import {forInputGradients} from './for-input-gradients.js';
import {gramOf} from './gram.js';
import type {ModelForm} from './model-form.js';
import {relativeError} from './relative-error.js';
import type {Taps} from './taps.js';
import type {Tensor, Tf} from './tf.js';
import {FROZEN} from './vit-layers.js';

interface Setup {
  tf: Tf;
  form: ModelForm;
  taps: Taps;
  pooling: Pooling;
  /** Images a run. */
  batch: number;
}

/** Taps on a live TensorFlow.js model. Made by `openTfjsEngine`. */
export class TfjsEngine implements Engine {
  readonly description: string;
  readonly definition: string;
  readonly layers: readonly LayerName[];
  readonly blocks: readonly LayerName[];
  readonly pooling: Pooling;
  readonly input: Engine['input'];
  readonly #setup: Setup;

  constructor(setup: Setup) {
    const {tf, form} = setup;
    this.#setup = setup;
    this.description = `TensorFlow.js ${tf.version_core}, ${tf.getBackend()}`;
    this.definition = form.definition;
    this.layers = form.layers;
    this.blocks = form.blocks;
    this.pooling = setup.pooling;
    this.input = form.input;
  }

  /** A copy on the host of the live model's weights. */
  weights(): Weights {
    return this.#setup.form.weights();
  }

  /** Swaps the live model's weights in place: whoever measures other weights during a training puts its own back. */
  setWeights(weights: Weights): void {
    this.#setup.form.setWeights(weights);
  }

  randomWeights(seed: number): Weights {
    return this.#setup.form.randomWeights(seed);
  }

  async features(images: Images, layer: LayerName): Promise<Features> {
    const [features] = await this.#features(images, [layer]);
    return features!;
  }

  async grams(images: Images, onFeatures?: OnFeatures): Promise<Gram[]> {
    const grams: Gram[] = [];
    const widthOf = (layer: LayerName) => this.#width(layer);
    for (const layers of layerParts(this.layers, {count: images.count, widthOf})) {
      for (const [at, features] of (await this.#features(images, layers)).entries()) {
        onFeatures?.(layers[at]!, features);
        grams.push(await gramOf(this.#setup.tf, features));
      }
    }
    return grams;
  }

  async lossAndGradient(
    images: Images,
    layer: LayerName,
    targets: Features,
  ): Promise<{loss: Float32Array; gradient: Float32Array}> {
    const {tf, form, taps} = this.#setup;
    const width = this.#width(layer);
    checkTargets(targets, layer, {count: images.count, width});
    const loss = new Float32Array(images.count);
    const gradient = new Float32Array(images.data.length);
    for (const batch of this.#batches(images)) {
      const target = targets.data.subarray(batch.start * width, (batch.start + batch.count) * width);
      const errors = (pixels: Tensor) => {
        const [features] = taps.run(form.prepare(pixels), [layer], {[FROZEN]: true});
        const each = relativeError(tf, features!, target);
        loss.set(each.dataSync(), batch.start);
        return each;
      };
      const slope = tf.tidy(() => forInputGradients(tf, () => tf.grad(errors)(batch.pixels())));
      try {
        gradient.set(await slope.data(), batch.start * batch.size);
      } finally {
        slope.dispose();
      }
    }
    checkLoss(loss, layer);
    return {loss, gradient};
  }

  /** Nothing to free: every layer and weight is the user's. */
  async dispose(): Promise<void> {}

  /** Features of several layers from one forward pass. */
  async #features(images: Images, layers: readonly LayerName[]): Promise<Features[]> {
    const {tf, form, taps} = this.#setup;
    const all = layers.map(layer => {
      const width = this.#width(layer);
      return {count: images.count, width, data: new Float32Array(images.count * width)};
    });
    for (const batch of this.#batches(images)) {
      const outputs: Tensor[] = tf.tidy(() => taps.run(form.prepare(batch.pixels()), layers));
      try {
        for (const [index, {width, data}] of all.entries()) {
          data.set(await outputs[index]!.data(), batch.start * width);
        }
      } finally {
        tf.dispose(outputs);
      }
    }
    return all;
  }

  *#batches(images: Images) {
    checkImages(images, this.input);
    const {channels, height, width} = this.input;
    const {tf, batch} = this.#setup;
    const size = channels * height * width;
    for (let start = 0; start < images.count; start += batch) {
      const count = Math.min(batch, images.count - start);
      const data = images.data.subarray(start * size, (start + count) * size);
      yield {start, count, size, pixels: () => tf.tensor4d(data, [count, channels, height, width])};
    }
  }

  #width(layer: LayerName): number {
    checkLayer(layer, this.layers);
    return this.#setup.taps.width(layer);
  }
}
