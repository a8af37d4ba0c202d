import {InvarianceError} from '../errors.js';
import {isConstant} from '../rounding.js';
import type {Features, Gate, Images, LayerName} from '../types.js';
import {meanRow} from './gram.js';

/** Share of a layer's variance that inverted images may miss, by default. */
export const FVU_THRESHOLD = 0.05;

/**
 * How well X' was inverted for one layer, and whether that is good enough.
 *
 * `fvu` = Σ‖f(x') − f(x)‖² / Σ‖f(x) − mean f‖² decides; `rel` = mean ‖f(x') − f(x)‖ / ‖f(x)‖ is what the inversion
 * minimises, and hides behind a large mean. An image has converged when its own ‖f(x') − f(x)‖² is within the threshold's
 * share of the mean ‖f(x) − mean f‖².
 *
 * Pixel distances are root mean squares over images and pixels, both sides clamped to [0, 1] as the model sees them: near
 * 0 to the probes says that X' is trivial, near 0 to the seeds that the inversion never moved. Features are float32;
 * sums are float64.
 *
 * @param options
 * @param options.layer name of the layer.
 * @param options.features f(X), (n, p).
 * @param options.inverted f(X'), (n, p).
 * @param options.probes X, n images.
 * @param options.images X', n images.
 * @param options.seeds S, n images.
 * @param options.evaluations gradient evaluations an image, mean; on record only.
 * @param options.threshold what `fvu` has to stay under. Default 0.05.
 * @throws InvarianceError `bad_option` where features or images differ in number or size.
 * @example
 * import {gate, type Features, type Images} from 'wandb-invariance/metrics';
 *
 * declare const features: Features, inverted: Features; // of one layer
 * declare const probes: Images, images: Images, seeds: Images;
 * const {passed, fvu} = gate({layer: 'block_03', features, inverted, probes, images, seeds, evaluations: 50});
 */
export function gate({
  layer,
  features,
  inverted,
  probes,
  images,
  seeds,
  evaluations,
  threshold = FVU_THRESHOLD,
}: {
  layer: LayerName;
  features: Features;
  inverted: Features;
  probes: Images;
  images: Images;
  seeds: Images;
  evaluations: number;
  threshold?: number;
}): Gate {
  const {count, width} = features;
  if (inverted.count !== count || inverted.width !== width) {
    throw new InvarianceError(
      'bad_option',
      `layer ${layer}: features of ${count} × ${width} and ${inverted.count} × ${inverted.width} are not of the same images`,
    );
  }
  const mean = meanRow(features);
  const errors = new Float64Array(count);
  let relative = 0;
  let variance = 0;
  for (let i = 0; i < count; i++) {
    let norm = 0;
    for (let k = 0; k < width; k++) {
      const value = features.data[i * width + k]!;
      errors[i]! += (inverted.data[i * width + k]! - value) ** 2;
      norm += value ** 2;
      variance += (value - mean[k]!) ** 2;
    }
    relative += Math.sqrt(errors[i]! / norm) / count;
  }
  const missed = errors.reduce((sum, error) => sum + error, 0);
  const fvu = isConstant(features) ? null : finite(missed / variance);
  const allowed = (threshold * variance) / count;
  return {
    layer,
    rel: finite(relative),
    fvu,
    rmsToProbes: pixelDistance(images, probes),
    rmsToSeeds: pixelDistance(images, seeds),
    unconverged: errors.filter(error => !(error <= allowed)).length / count,
    evaluations,
    threshold,
    passed: fvu !== null && fvu < threshold,
  };
}

/** Why a number that rests on these inverted images is withheld. */
export function notConverged({fvu, threshold}: Pick<Gate, 'fvu' | 'threshold'>): string {
  const error = fvu === null ? 'fvu is not defined' : `fvu ${fvu.toFixed(3)} is not under ${threshold}`;
  return `inversion not converged: ${error}`;
}

/**
 * |R(T) − R(T/2)| of each layer: how much the diagonal of R still depends on the inversion's length T. A high ceiling does
 * not show that, so it is reported once a run, on a finetuned model.
 *
 * @param final R(T)[i, i], one a layer.
 * @param halfway R(T/2)[i, i].
 * @returns one value a layer, null where either is.
 * @example
 * import {convergence} from 'wandb-invariance/metrics';
 *
 * console.log(convergence([0.75, null], [0.5, 0.5])); // [0.25, null]
 */
export function convergence(
  final: readonly (number | null)[],
  halfway: readonly (number | null)[],
): (number | null)[] {
  return final.map((value, i) => {
    const earlier = halfway[i] ?? null;
    return value === null || earlier === null ? null : Math.abs(value - earlier);
  });
}

function pixelDistance(a: Images, b: Images): number {
  if (a.data.length !== b.data.length) {
    throw new InvarianceError(
      'bad_option',
      `${a.count} images and ${b.count} images differ in number or size`,
    );
  }
  let total = 0;
  for (let k = 0; k < a.data.length; k++) total += (clamped(a.data[k]!) - clamped(b.data[k]!)) ** 2;
  return Math.sqrt(total / a.data.length);
}

function clamped(pixel: number): number {
  return Math.min(1, Math.max(0, pixel));
}

/** Null for what JSON and a reader could not tell from a number: NaN and infinities. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
