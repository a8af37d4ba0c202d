import {InvarianceError, messageOf} from '../../errors.js';
import {seededRandom} from '../../random.js';
import type {Images} from '../../types.js';
import type {Engine} from '../contract.js';

/** Steps along the gradient, as shares of the loss that it promises; one of them must keep the promise. */
const SHARES = [0.02, 0.1, 0.005, 0.001];

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
  const [start, other] = [noise(engine, 1), noise(engine, 2)];
  const targets = await engine.features(other, layer);
  // A layer that gives nothing has no direction either; what is measured of it says so.
  if (targets.data.every(value => value === 0)) return;
  const {loss, gradient} = await engine.lossAndGradient(start, layer, targets).catch((error: unknown) => {
    if (error instanceof InvarianceError) throw error;
    throw refuse(`cannot take (${messageOf(error)})`, error);
  });
  const steepness = Math.hypot(...gradient);
  if (steepness === 0) return;
  const most = gradient.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / steepness;
  const slopes: number[] = [];
  for (const share of SHARES) {
    const step = Math.min((share * loss[0]!) / steepness, LARGEST / most);
    const at = async (by: number) => {
      const data = start.data.map((value, i) => value + (by * gradient[i]!) / steepness);
      return (await engine.lossAndGradient({...start, data}, layer, targets)).loss[0]!;
    };
    const slope = ((await at(step)) - (await at(-step))) / (2 * step);
    if (Math.abs(slope / steepness - 1) < TOLERANCE) return;
    slopes.push(slope);
  }
  const shares = slopes.map(slope => `${Math.round((100 * slope) / steepness)} %`).join(', ');
  throw refuse(`computes wrongly (the loss falls by ${shares} of what it promises)`);
}

function noise({input}: Engine, seed: number): Images {
  const random = seededRandom(seed);
  const length = input.channels * input.height * input.width;
  return {...input, count: 1, data: Float32Array.from({length}, () => 0.2 + 0.6 * random.uniform())};
}
