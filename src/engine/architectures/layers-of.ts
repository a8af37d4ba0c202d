import {InvarianceError} from '../../errors.js';
import type {LayerName} from '../../types.js';
import type {Network} from './network.js';

/** For each weight the first of `measured` (shallow to deep) that depends on it, or null where none does. */
export function layersOf(network: Network, measured: readonly LayerName[]): Map<string, LayerName | null> {
  const layers = new Map<string, LayerName | null>(network.parameters.map(({name}) => [name, null]));
  for (const layer of measured) {
    for (const {name} of network.tape.inputsOf([layerValue(network, layer)])) {
      if (layers.get(name) === null) layers.set(name, layer);
    }
  }
  return layers;
}

export function layerValue(network: Network, layer: LayerName) {
  const value = network.layers.get(layer);
  if (value) return value;
  throw new InvarianceError(
    'bad_option',
    `unknown layer ${layer}; there are ${[...network.layers.keys()].join(', ')}`,
  );
}
