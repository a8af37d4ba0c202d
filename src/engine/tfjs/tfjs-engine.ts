import {InvarianceError} from '../../errors.js';
import type {Features, Gram, Images, LayerName, Pooling} from '../../types.js';
import type {Engine, Weights} from '../contract.js';
import {forInputGradients} from './for-input-gradients.js';
import {gramOf} from './gram.js';
import type {ModelForm} from './model-form.js';
import {relativeError} from './relative-error.js';
import type {Taps} from './taps.js';
import type {Tensor, Tf} from './tf.js';
import {FROZEN} from './vit-layers.js';

/** Bytes of features held at once on the host while Grams are taken; layers that do not fit take another forward pass. */
const FEATURE_BYTES = 512 * 2 ** 20;

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

  async grams(images: Images): Promise<Gram[]> {
    const grams: Gram[] = [];
    for (const layers of this.#parts(images.count)) {
      for (const features of await this.#features(images, layers)) {
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
    if (targets.count !== images.count || targets.width !== width) {
      throw new InvarianceError(
        'bad_option',
        `targets are ${targets.count} × ${targets.width}; ${layer} of these images is ${images.count} × ${width}`,
      );
    }
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
    const undefinedAt = loss.findIndex(value => !Number.isFinite(value));
    if (undefinedAt >= 0) {
      throw new InvarianceError(
        'engine_failed',
        `the loss of image ${undefinedAt} at ${layer} is ${loss[undefinedAt]}: its target is zero or not finite`,
      );
    }
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
          data.set((await outputs[index]!.data()) as Float32Array, batch.start * width);
        }
      } finally {
        tf.dispose(outputs);
      }
    }
    return all;
  }

  *#batches(images: Images) {
    const {channels, height, width} = this.input;
    if (images.channels !== channels || images.height !== height || images.width !== width) {
      throw new InvarianceError(
        'bad_option',
        `images are ${images.channels} × ${images.height} × ${images.width}; ` +
          `this model takes ${channels} × ${height} × ${width}`,
      );
    }
    const {tf, batch} = this.#setup;
    const size = channels * height * width;
    for (let start = 0; start < images.count; start += batch) {
      const count = Math.min(batch, images.count - start);
      const data = images.data.subarray(start * size, (start + count) * size);
      yield {start, count, size, pixels: () => tf.tensor4d(data, [count, channels, height, width])};
    }
  }

  #width(layer: LayerName): number {
    if (this.layers.includes(layer)) return this.#setup.taps.width(layer);
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
}
