import type {LayersModel} from './tf.js';

/** Keys of a config that say how weights come about, not what is computed from them. */
const IRRELEVANT = /^trainable$|(initializer|regularizer|constraint)$/i;

/** What a model computes but for its weights, with layers numbered instead of named: equal for equal graphs. */
export function topologyOf(model: LayersModel): unknown {
  const {layers, inputLayers, outputLayers} = model.getConfig() as Record<string, unknown>;
  const numbers = new Map(model.layers.map(({name}, index) => [name, index]));
  return JSON.parse(
    JSON.stringify({layers, inputLayers, outputLayers}, (key, value: unknown) => {
      if (IRRELEVANT.test(key)) return undefined;
      return typeof value === 'string' ? (numbers.get(value) ?? value) : value;
    }),
  );
}
