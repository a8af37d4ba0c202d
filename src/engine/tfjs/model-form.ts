import type {Engine, Weights} from '../contract.js';
import type {LayerName} from '../../types.js';
import type {Tensor} from './tf.js';

/** What the engine has to know of a model, whether it is a ViT of ours or anything else. */
export interface ModelForm {
  /** See `Engine.definition`. */
  readonly definition: string;
  /** Measured layers, shallow to deep, and those of them that are blocks. */
  readonly layers: readonly LayerName[];
  readonly blocks: readonly LayerName[];
  readonly input: Engine['input'];
  /** (n, C, H, W) pixels in [0, 1] to what the model takes, differentiably. */
  prepare(pixels: Tensor): Tensor;
  weights(): Weights;
  setWeights(weights: Weights): void;
  randomWeights(seed: number): Weights;
}
