import type {Engine} from '../engine/index.js';
import type {Images, LayerName} from '../types.js';
import {invertByAdam} from './fast.js';
import type {InversionOptions} from './options.js';
import {invertByStir} from './stir.js';

/** X'_i, and what it took. */
export interface Inverted {
  readonly images: Images;
  /** What was kept when half of the evaluations had been made: shows whether more of them would still matter. */
  readonly halfway: Images;
  /** Gradient evaluations an image, mean. */
  readonly evaluations: number;
}

/**
 * Images that one layer of the model in force cannot tell from the probes: X' = argmin ‖f(x') − f(x)‖₂ / ‖f(x)‖₂
 * for each image on its own, started at its seed.
 *
 * @param options.probes X, n images in [0, 1].
 * @param options.seeds S, n images of the same size.
 * @param options.onStep told after each gradient evaluation of the batch, from 1 to `options.steps`.
 */
export async function invertLayer({
  engine,
  layer,
  probes,
  seeds,
  options,
  onStep = () => {},
}: {
  engine: Engine;
  layer: LayerName;
  probes: Images;
  seeds: Images;
  options: InversionOptions;
  onStep?: (step: number) => void;
}): Promise<Inverted> {
  const targets = await engine.features(probes, layer);
  return options.preset === 'stir'
    ? invertByStir({engine, layer, targets, seeds, options, onStep})
    : invertByAdam({engine, layer, targets, seeds, options, onStep});
}
