import type {Features, Gram, Images, LayerName, Pooling} from '../types.js';

/** One weight tensor, in PyTorch's layout and float32. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
  /** The first measured layer whose output depends on it; null for a head that no measured layer sees. */
  readonly layer: LayerName | null;
}

/** All weights of one moment of one model. */
export type Weights = readonly Parameter[];

/** Takes one layer's features as they are computed. */
export type OnFeatures = (layer: LayerName, features: Features) => void;

/**
 * A model whose layers can be read and inverted. The only room that touches tensors is behind this line:
 * images come in as [0, 1] NCHW pixels, and clamping and normalisation happen inside.
 *
 * Every implementation passes `test/engine/contract.ts`.
 */
export interface Engine {
  /** For people and for `run.json`: "onnxruntime-node 1.30.0, cpu, 1 thread". */
  readonly description: string;
  /**
   * Everything besides the weights that decides what the layers compute: architecture, heads, epsilons, activation,
   * normalisation, … as one canonical text. Part of cache keys and fingerprints; equal for equal functions.
   */
  readonly definition: string;
  /** Measured layers, shallow to deep. */
  readonly layers: readonly LayerName[];
  /** Which of them are residual-stream blocks: flow and compression are defined on these. */
  readonly blocks: readonly LayerName[];
  readonly pooling: Pooling;
  readonly input: {readonly channels: number; readonly height: number; readonly width: number};

  /** The weights in force. */
  weights(): Weights;
  /**
   * Puts other weights of the same architecture in force. Parameters with `layer: null` are ignored.
   * @throws InvarianceError `bad_weights` where a tensor is missing, has another shape or is not finite.
   */
  setWeights(weights: Weights): void;
  /** Fresh weights of this architecture, as its own initialisation draws them; the same seed gives the same weights. */
  randomWeights(seed: number): Weights;

  /** Representations of one layer, (n, width). */
  features(images: Images, layer: LayerName): Promise<Features>;
  /**
   * One Gram of column-centred features for each measured layer, in order; zeros where a layer `isConstant`.
   *
   * @param onFeatures given the features that each Gram is made of, in order: what else rests on them needs no other pass.
   */
  grams(images: Images, onFeatures?: OnFeatures): Promise<Gram[]>;
  /**
   * For each image on its own: loss = ‖f(x) − target‖₂ / ‖target‖₂, and its gradient with respect to the
   * [0, 1] pixels of x (not divided by the batch size).
   * @throws InvarianceError `engine_failed` for a target that is zero or not finite: it has no relative error.
   */
  lossAndGradient(
    images: Images,
    layer: LayerName,
    targets: Features,
  ): Promise<{loss: Float32Array; gradient: Float32Array}>;

  dispose(): Promise<void>;
}
