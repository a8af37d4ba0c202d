import type {Engine} from '../engine/index.js';
import {pickImages} from '../images.js';
import type {Images, LayerName} from '../types.js';

/** Images of a trial: as many as an engine takes in one batch. */
const TRIAL_IMAGES = 16;

/**
 * Seconds one gradient evaluation of all probes takes at each of `layers`: timed at the shallowest and at the deepest
 * of them and interpolated between, since a layer costs what lies below it.
 * Cost: four evaluations of at most 16 images.
 */
export async function timeEvaluations({
  engine,
  layers,
  probes,
  seeds,
  now,
}: {
  engine: Engine;
  layers: readonly LayerName[];
  probes: Images;
  seeds: Images;
  now: () => number;
}): Promise<Map<LayerName, number>> {
  const places = Array.from({length: Math.min(TRIAL_IMAGES, probes.count)}, (_, at) => at);
  const [x, s] = [pickImages(probes, places), pickImages(seeds, places)];
  async function time(layer: LayerName): Promise<number> {
    const {count, width} = await engine.features(x, layer);
    // Any target takes as long, and these are never zero, which has no relative error.
    const targets = {count, width, data: new Float32Array(count * width).fill(1)};
    await engine.lossAndGradient(s, layer, targets);
    const start = now();
    await engine.lossAndGradient(s, layer, targets);
    return ((now() - start) / 1000) * (probes.count / places.length);
  }
  const depthOf = (layer: LayerName) => engine.layers.indexOf(layer);
  const sorted = [...layers].sort((a, b) => depthOf(a) - depthOf(b));
  const [shallow, deep] = [sorted[0]!, sorted.at(-1)!];
  const low = await time(shallow);
  const high = shallow === deep ? low : await time(deep);
  const span = depthOf(deep) - depthOf(shallow) || 1;
  return new Map(
    sorted.map(layer => [layer, low + ((high - low) * (depthOf(layer) - depthOf(shallow))) / span]),
  );
}
