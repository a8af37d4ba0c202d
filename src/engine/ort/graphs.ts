import type {LayerName} from '../../types.js';
import {layerValue} from '../architectures/layers-of.js';
import {writeNetwork} from '../architectures/network.js';
import {divide, linear, mean, norm, reshape, subtract} from '../onnx/ops.js';
import {Tape, type Model} from '../onnx/tape.js';

type NetworkOptions = Parameters<typeof writeNetwork>[0];

/** Pixels to the rows of each layer asked for, under the layers' names. Nothing above the deepest of them runs. */
export function featuresGraph(options: NetworkOptions, layers: readonly LayerName[]): Model {
  const network = writeNetwork(options);
  return network.tape.model(Object.fromEntries(layers.map(layer => [layer, layerValue(network, layer)])));
}

/** Pixels to `logits`, (batch, classes). */
export function logitsGraph(options: NetworkOptions & {classes: number}): Model {
  const {tape, logits} = writeNetwork(options);
  return tape.model({logits: logits!});
}

/** Pixels and `target` to `loss` = ‖f(x) − target‖ / ‖target‖ of each image and its `gradient`, derived on the tape. */
export function gradientGraph(options: NetworkOptions, layer: LayerName): Model {
  const network = writeNetwork(options);
  const {tape, pixels} = network;
  const features = layerValue(network, layer);
  const target = tape.input('target', features.shape);
  const loss = divide(norm(subtract(features, target)), norm(target));
  return tape.model({loss: reshape(loss, [features.shape[0]!]), gradient: tape.gradient(loss, pixels)});
}

/** `features` (n, p) to `gram`, the inner products of their rows once the mean row is taken away. */
export function gramGraph(n: number, p: number): Model {
  const tape = new Tape();
  const features = tape.input('features', [n, p]);
  const centred = subtract(features, mean(features, [0]));
  return tape.model({gram: linear(centred, centred, null)});
}
