import type {Engine} from '../engine/index.js';
import type {Features, Images, LayerName} from '../types.js';
import type {Inverted} from './descent.js';
import {invertByAdam} from './fast.js';
import {copyOf, pickFeatures, pickImages, putImages} from '../images.js';
import type {InversionOptions} from './options.js';
import {invertByStir} from './stir.js';

/**
 * Images that one layer of the model in force cannot tell from the probes: X' = argmin ‖f(x') − f(x)‖₂ / ‖f(x)‖₂
 * for each image on its own, started at its seed. An image that the layer maps to zero, or to what is not finite, has no
 * relative error: it stays its seed, and the layer's gate counts it as not converged.
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
  const invertByPreset = (rows: {targets: Features; seeds: Images}): Promise<Inverted> =>
    options.preset === 'stir'
      ? invertByStir({engine, layer, ...rows, options, onStep})
      : invertByAdam({engine, layer, ...rows, options, onStep});
  const places = invertible(targets);
  if (places.length === targets.count) return invertByPreset({targets, seeds});
  const images = copyOf(seeds);
  const halfway = copyOf(seeds);
  if (places.length === 0) return {images, halfway, evaluations: 0};
  const part = await invertByPreset({
    targets: pickFeatures(targets, places),
    seeds: pickImages(seeds, places),
  });
  putImages(part.images, places, images);
  putImages(part.halfway, places, halfway);
  return {images, halfway, evaluations: (part.evaluations * places.length) / targets.count};
}

/** Places of the rows that a relative error can be taken of. */
function invertible({count, width, data}: Features): number[] {
  const places = Array.from({length: count}, (_, row) => row);
  return places.filter(row => {
    let square = 0;
    for (let at = row * width; at < (row + 1) * width; at++) square += data[at]! ** 2;
    return square > 0 && Number.isFinite(square);
  });
}
