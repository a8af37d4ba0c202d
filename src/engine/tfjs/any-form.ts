import type {LayerName} from '../../types.js';
import type {Weights} from '../contract.js';
import {type LayerSelection, selectLayers} from '../select-layers.js';
import {freshWeights} from './fresh-weights.js';
import {leafVariables, leaves} from './leaves.js';
import type {ModelForm} from './model-form.js';
import {PIXEL_FORM, type PixelForm, imageSize, preparer} from './pixel-form.js';
import {takeWeights} from '../take-weights.js';
import type {Taps} from './taps.js';
import type {Layer, LayersModel, Tf} from './tf.js';
import {topologyOf} from './topology.js';

/** Layers without weights that end a residual branch or a stage, and so hold a representation of their own. */
const JOINS = ['Add', 'Concatenate', 'Average', 'Maximum'];

/** Layers with weights that only rescale what the layer before them holds. */
const RESCALING = ['BatchNormalization'];

/**
 * Any other LayersModel. Measured by default: the layers that own weights, but for batch normalisation and the model's
 * outputs, and those that join branches. Blocks are the measured layers whose output still has positions (rank 3 or more).
 */
export function anyForm({
  tf,
  model,
  taps,
  layers,
  pixels,
}: {
  tf: Tf;
  model: LayersModel;
  taps: Taps;
  layers: LayerSelection | undefined;
  pixels: PixelForm;
}): ModelForm {
  const form = {...PIXEL_FORM, ...pixels};
  const input = imageSize(model, form.layout);
  const measured = layers ? selectLayers(taps.names(), layers) : defaultLayers(model, taps);
  const owners = ownersOf(taps, measured);
  const all = leafVariables(model);
  const names = unique(all.map(({path, variable}) => nameOf(path, variable.originalName)));
  // A layer that stands in two inner models comes twice.
  const places = all.flatMap(({variable}, at) =>
    all.findIndex(other => other.variable === variable) === at ? [at] : [],
  );
  const variables = places.map(at => ({
    variable: all[at]!.variable,
    layer: owners.get(all[at]!.layer) ?? null,
    name: names[at]!,
  }));
  const weights = (): Weights =>
    variables.map(({variable, name, layer}) => ({
      name,
      shape: variable.shape as number[],
      data: Float32Array.from(variable.read().dataSync()),
      layer,
    }));
  return {
    definition: JSON.stringify({topology: topologyOf(taps.model(measured)), ...form}),
    layers: measured,
    blocks: measured.filter(name => taps.shape(name).length > 1),
    input,
    prepare: preparer(tf, form, input.channels),
    weights,
    setWeights(given) {
      const taken = takeWeights(given, weights());
      tf.tidy(() => {
        for (const {variable, name} of variables) {
          const data = taken.get(name);
          if (data) variable.write(tf.tensor(data, variable.shape as number[]));
        }
      });
    },
    randomWeights(seed) {
      const fresh = freshWeights(model, seed);
      return weights().map((own, index) => ({...own, data: fresh[places[index]!]!}));
    },
  };
}

function defaultLayers(model: LayersModel, taps: Taps): LayerName[] {
  const outputs = new Set(model.outputs.map(output => output.sourceLayer.name));
  const all = taps.names();
  const chosen = all.filter(name => {
    const layer = taps.layer(name);
    const kind = layer.getClassName();
    const holds = layer.weights.length > 0 ? !RESCALING.includes(kind) : JOINS.includes(kind);
    return holds && !outputs.has(name);
  });
  return chosen.length > 0 ? chosen : all;
}

/** For each layer of the model, and inside of it, the first measured layer that depends on it. */
function ownersOf(taps: Taps, measured: readonly LayerName[]): Map<Layer, LayerName> {
  const owners = new Map<Layer, LayerName>();
  for (const name of measured) {
    for (const {layer} of taps.model([name]).layers.flatMap(layer => leaves(layer))) {
      if (!owners.has(layer)) owners.set(layer, name);
    }
  }
  return owners;
}

/** Weights of a model inside a layer carry its inner layers' names only. */
function nameOf(path: string, original: string): string {
  return original.startsWith(`${path}/`) ? original : `${path}/${original}`;
}

/** Equal names are numbered from the second on. */
function unique(names: readonly string[]): string[] {
  return names.map((name, at) => {
    const before = names.slice(0, at).filter(other => other === name).length;
    return before === 0 ? name : `${name}_${before}`;
  });
}
