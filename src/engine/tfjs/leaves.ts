import type {Layer, LayersModel, LayerVariable} from './tf.js';

interface Leaf {
  readonly layer: Layer;
  /** Names of the models around it; its own name where it is in none. */
  readonly path: string;
}

/** The layers that hold weights themselves: a model inside a model is taken apart. */
export function leaves(layer: Layer, above: readonly string[] = []): Leaf[] {
  const path = [...above, layer.name];
  const inner = (layer as Partial<LayersModel>).layers;
  return inner
    ? inner.flatMap(each => leaves(each, path))
    : [{layer, path: (above.length > 0 ? above : path).join('/')}];
}

/** Every variable of a model in an order that depends on its graph alone: `weights` of a model lists what is frozen last. */
export function leafVariables(model: LayersModel): (Leaf & {variable: LayerVariable})[] {
  return model.layers
    .flatMap(layer => leaves(layer))
    .flatMap(leaf => leaf.layer.weights.map(variable => ({...leaf, variable})));
}
