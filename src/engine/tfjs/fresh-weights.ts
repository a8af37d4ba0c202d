import {InvarianceError, messageOf} from '../../errors.js';
import {seededRandom} from '../../random.js';
import {leafVariables} from './leaves.js';
import type {LayersModel} from './tf.js';

interface Serializable {
  fromConfig(type: unknown, config: unknown): LayersModel;
}

/**
 * Builds the model again from its own config, each initialiser with a seed of its own, and takes what they draw. A custom
 * layer draws in its `build`: by seed where its `getConfig` gives initialisers, else as it likes.
 *
 * @returns data of every weight, in the order of `leafVariables`.
 * @throws InvarianceError `bad_model` where the config cannot be built: a custom layer that is not registered.
 */
export function freshWeights(model: LayersModel, seed: number): Float32Array[] {
  const random = seededRandom(seed);
  const type = model.constructor as unknown as Serializable;
  let fresh: LayersModel;
  try {
    fresh = type.fromConfig(
      type,
      seeded(model.getConfig(), () => 1 + Math.floor(random.uniform() * 2 ** 31)),
    );
  } catch (error) {
    throw new InvarianceError(
      'bad_model',
      `model ${model.name} cannot be built again from its config for the random-weights control (${messageOf(error)}); ` +
        'register its custom layers with tf.serialization.registerClass',
      {cause: error},
    );
  }
  try {
    return leafVariables(fresh).map(({variable}) => Float32Array.from(variable.read().dataSync()));
  } finally {
    fresh.dispose();
  }
}

/** A copy of a config with a seed in every initialiser. A seed of 0 would be no seed to TensorFlow.js. */
function seeded(value: unknown, seed: () => number, key = ''): unknown {
  if (Array.isArray(value)) return value.map(item => seeded(item, seed));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => [name, seeded(item, seed, name)] as const);
  const copy = Object.fromEntries(entries);
  if (/initializer$/i.test(key)) copy['config'] = {...(copy['config'] as object), seed: seed()};
  return copy;
}
