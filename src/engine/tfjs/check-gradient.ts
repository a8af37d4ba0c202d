import {InvarianceError, messageOf} from '../../errors.js';
import {seededRandom} from '../../random.js';
import type {Images} from '../../types.js';
import type {Engine} from '../contract.js';

/** Steps along the gradient, as shares of the loss that it promises; one of them must keep the promise. */
const SHARES = [0.02, 0.1, 0.005, 0.001];

/** Loss between two images below which float32 has too few digits for its differences. */
const FLAT = 1e-3;

/** The gradient is tried on one third of the pixels after the other. */
const PARTS = [0, 1, 2];

/** Largest change of a pixel, so that none leaves [0, 1]. */
const LARGEST = 0.15;

/** Of the slope; corners of activations cost a few per cent, a wrong kernel more. */
const TOLERANCE = 0.1;

/**
 * Compares the gradient that inversions follow with finite differences, for the deepest layer and one image of noise. Some
 * operations of TensorFlow.js have no gradient, and some a wrong one; whoever finds out after hours of training finds out late.
 * @param backend for the message
 * @throws InvarianceError `bad_model` where the gradient cannot be taken or is not the slope of the loss
 */
export async function checkGradient(engine: Engine, backend: string): Promise<void> {
  const layer = engine.layers.at(-1)!;
  const refuse = (why: string, cause?: unknown) =>
    new InvarianceError(
      'bad_model',
      `inverted images follow the gradient of ${layer} with respect to the pixels, which TensorFlow.js ${why} on its backend ` +
        `${backend}; use @tensorflow/tfjs-node, or measure only layers before the operation at fault: layers: ['NAME']`,
      {cause},
    );
  // Two images that differ in brightness and contrast too, which pooled layers see.
  const [start, other] = [noise(engine, 1, [0.2, 0.8]), noise(engine, 2, [0.1, 0.4])];
  const targets = await engine.features(other, layer);
  // A layer that gives nothing has no direction either; what is measured of it says so.
  if (targets.data.every(value => value === 0)) return;
  const {loss, gradient} = await engine.lossAndGradient(start, layer, targets).catch((error: unknown) => {
    if (error instanceof InvarianceError) throw error;
    throw refuse(`cannot take (${messageOf(error)})`, error);
  });
  // Flat, as a saturated softmax is: differences would be those of rounding.
  if (loss[0]! < FLAT) return;
  const lossAt = async (data: Float32Array) => {
    const {data: features} = await engine.features({...start, data}, layer);
    return lengthOf(features.map((value, i) => value - targets.data[i]!)) / lengthOf(targets.data);
  };
  for (const part of PARTS) {
    // A third of the pixels: a wrong gradient that is right along itself by chance is not so three times.
    const direction = gradient.map((value, i) => (i % PARTS.length === part ? value : 0));
    const steepness = lengthOf(direction);
    if (steepness === 0) continue;
    const most = direction.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / steepness;
    const shares: number[] = [];
    const isKept = () => Math.abs(shares.at(-1)! - 1) < TOLERANCE;
    for (const share of SHARES) {
      const step = Math.min((share * loss[0]!) / steepness, LARGEST / most);
      const moved = (by: number) =>
        lossAt(start.data.map((value, i) => value + (by * direction[i]!) / steepness));
      shares.push(((await moved(step)) - (await moved(-step))) / (2 * step) / steepness);
      if (isKept()) break;
    }
    if (isKept()) continue;
    const said = shares.map(share => `${Math.round(100 * share)} %`).join(', ');
    throw refuse(`computes wrongly (the loss falls by ${said} of what it promises)`);
  }
}

function lengthOf(vector: Float32Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
}

function noise({input}: Engine, seed: number, [low, high]: readonly [number, number]): Images {
  const random = seededRandom(seed);
  const length = input.channels * input.height * input.width;
  return {...input, count: 1, data: Float32Array.from({length}, () => low + (high - low) * random.uniform())};
}
