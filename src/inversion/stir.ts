import type {Images} from '../types.js';
import {BestSoFar, relativeErrors} from './best-so-far.js';
import type {Descent, Inverted} from './descent.js';
import {copyOf, sizeOf} from '../images.js';
import type {StirOptions} from './options.js';

/** Keeps a vanishing gradient from dividing by zero, as STIR's code does. */
const EPSILON = 1e-10;

/**
 * Preset `stir`, to the letter: x' ← clamp(x' − stepSize · g / (‖g‖₂ + 1e-10), 0, 1), with g the gradient of the
 * batch mean loss and its norm taken for each image; the iterate of the lowest loss is kept, the seed and the last
 * iterate included.
 */
export async function invertByStir({
  engine,
  layer,
  targets,
  seeds,
  options,
  onStep,
}: Descent<StirOptions>): Promise<Inverted> {
  const iterate = copyOf(seeds);
  const best = new BestSoFar(seeds);
  let halfway = best.images;
  for (let step = 0; step < options.steps; step++) {
    const {loss, gradient} = await engine.lossAndGradient(iterate, layer, targets);
    loss.forEach((value, image) => best.offer(image, value, iterate, image));
    if (step === Math.floor(options.steps / 2)) halfway = copyOf(best.images);
    descend(iterate, gradient, options.stepSize);
    onStep(step + 1);
  }
  const last = relativeErrors(await engine.features(iterate, layer), targets);
  last.forEach((value, image) => best.offer(image, value, iterate, image));
  return {images: best.images, halfway, evaluations: options.steps};
}

function descend(iterate: Images, gradient: Float32Array, stepSize: number): void {
  const size = sizeOf(iterate);
  for (let start = 0; start < iterate.data.length; start += size) {
    let square = 0;
    for (let at = start; at < start + size; at++) square += gradient[at]! ** 2;
    const meanGradientNorm = Math.sqrt(square) / iterate.count;
    const scale = stepSize / iterate.count / (meanGradientNorm + EPSILON);
    if (!Number.isFinite(scale)) continue;
    for (let at = start; at < start + size; at++) {
      const moved = iterate.data[at]! - scale * gradient[at]!;
      iterate.data[at] = moved < 0 ? 0 : moved > 1 ? 1 : moved;
    }
  }
}
