import type {Engine} from '../engine/index.js';
import type {Features, Images, LayerName} from '../types.js';

/** What a preset is given to descend from the seeds to the targets. */
export interface Descent<Options> {
  engine: Engine;
  layer: LayerName;
  /** f(X), none of whose rows is zero. */
  targets: Features;
  /** S, one for each target. */
  seeds: Images;
  options: Options;
  /** Told after each gradient evaluation of the batch, from 1 to `options.steps`. */
  onStep: (step: number) => void;
}

/** X'_i, and what it took. */
export interface Inverted {
  readonly images: Images;
  /** What was kept when half of the evaluations had been made: shows whether more of them would still matter. */
  readonly halfway: Images;
  /** Gradient evaluations an image, mean. */
  readonly evaluations: number;
}
