import type {Features, Images} from '../types.js';
import {BestSoFar, relativeErrors} from './best-so-far.js';
import type {Descent, Inverted} from './descent.js';
import {copyOf, pickFeatures, pickImages, sizeOf} from '../images.js';
import type {FastOptions} from './options.js';

/** Adam's decay of the first and second moment. A short memory suits a few dozen steps. */
const BETAS = [0.9, 0.99] as const;
/** Small beside any gradient of a relative error: Adam's step must not depend on the number of pixels. */
const EPSILON = 1e-12;

/**
 * Preset `fast`: Adam on the pixels, learning rate along half a cosine to 0, clamped to [0, 1] after each step. An
 * image that meets the tolerance leaves the batch. The iterate of the lowest loss is kept.
 */
export async function invertByAdam({
  engine,
  layer,
  targets,
  seeds,
  options,
  onStep,
}: Descent<FastOptions>): Promise<Inverted> {
  const size = sizeOf(seeds);
  const iterates = clamped(seeds);
  const first = new Float32Array(iterates.data.length);
  const second = new Float32Array(iterates.data.length);
  const best = new BestSoFar(iterates);
  const enough = toleratedLosses(targets, options.tolerance);
  let halfway = best.images;
  let active = Array.from({length: seeds.count}, (_, image) => image);
  let evaluations = 0;

  for (let step = 0; step < options.steps && active.length > 0; step++) {
    const whole = active.length === seeds.count;
    const batch = whole ? iterates : pickImages(iterates, active);
    const wanted = whole ? targets : pickFeatures(targets, active);
    const {loss, gradient} = await engine.lossAndGradient(batch, layer, wanted);
    evaluations += active.length;
    active.forEach((image, row) => best.offer(image, loss[row]!, batch, row));
    if (step === Math.floor(options.steps / 2)) halfway = copyOf(best.images);

    const rate = (options.learningRate / 2) * (1 + Math.cos((Math.PI * step) / options.steps));
    const [beta1, beta2] = BETAS;
    const unbias1 = 1 - beta1 ** (step + 1);
    const unbias2 = 1 - beta2 ** (step + 1);
    const going: number[] = [];
    active.forEach((image, row) => {
      if (!(loss[row]! > enough[image]!)) return;
      going.push(image);
      for (let at = image * size, from = row * size; from < (row + 1) * size; at++, from++) {
        const g = gradient[from]!;
        const m = (first[at] = beta1 * first[at]! + (1 - beta1) * g);
        const v = (second[at] = beta2 * second[at]! + (1 - beta2) * g * g);
        const moved = iterates.data[at]! - (rate * m) / unbias1 / (Math.sqrt(v / unbias2) + EPSILON);
        iterates.data[at] = moved < 0 ? 0 : moved > 1 ? 1 : moved;
      }
    });
    active = going;
    onStep(step + 1);
  }
  if (active.length > 0) {
    const batch = pickImages(iterates, active);
    const last = relativeErrors(await engine.features(batch, layer), pickFeatures(targets, active));
    active.forEach((image, row) => best.offer(image, last[row]!, batch, row));
  }
  return {images: best.images, halfway, evaluations: evaluations / seeds.count};
}

/** Outside [0, 1] a pixel has no gradient: starting inside saves the first step. The model sees the same image. */
function clamped(seeds: Images): Images {
  return {...seeds, data: seeds.data.map(value => (value < 0 ? 0 : value > 1 ? 1 : value))};
}

/** For each image the relative error at which its squared error is `share` of the layer's variance an image. */
function toleratedLosses(targets: Features, share: number): Float64Array {
  const {count, width, data} = targets;
  const mean = new Float64Array(width);
  for (let at = 0; at < data.length; at++) mean[at % width]! += data[at]! / count;
  const norms = new Float64Array(count);
  let variance = 0;
  for (let row = 0; row < count; row++)
    for (let column = 0; column < width; column++) {
      const value = data[row * width + column]!;
      norms[row]! += value ** 2;
      variance += (value - mean[column]!) ** 2 / count;
    }
  return norms.map(norm => Math.sqrt((share * variance) / norm));
}
