import {seededRandom} from '../../random.js';
import type {LayerName} from '../../types.js';
import {drawn} from '../architectures/draw.js';
import {layersOf} from '../architectures/layers-of.js';
import {blockNames, DEFAULT_LAYERS, layerNames, writeNetwork} from '../architectures/network.js';
import {vit} from '../architectures/vit.js';
import {type LayerSelection, selectLayers} from '../select-layers.js';
import type {ModelForm} from './model-form.js';
import {takeWeights} from '../take-weights.js';
import type {LayersModel, Tf} from './tf.js';
import type {VitModelInfo} from './vit-info.js';
import {snapshotVit, vitVariables} from './vit-variables.js';
import {layerShape, toLayer} from './vit-weights.js';

/** A `loadVit` model, in the same terms as the other engines: names, layout, definition and fresh weights are theirs. */
export function vitForm({
  tf,
  model,
  info,
  layers,
}: {
  tf: Tf;
  model: LayersModel;
  info: VitModelInfo;
  layers: LayerSelection | undefined;
}): ModelForm {
  const {spec, config, preprocessor} = info;
  const normalisation = {mean: preprocessor.mean, std: preprocessor.std};
  const blocks = blockNames(spec.depth);
  const measured = selectLayers(layerNames(spec.depth), layers ?? DEFAULT_LAYERS);
  const owners: ReadonlyMap<string, LayerName | null> = layersOf(
    writeNetwork({spec, normalisation}),
    measured,
  );
  const weights = () =>
    snapshotVit(model, info).map(({name, shape, data}) => ({
      name,
      shape,
      data,
      layer: owners.get(name) ?? null,
    }));
  return {
    definition: JSON.stringify({...spec, ...normalisation}),
    layers: measured,
    blocks: blocks.filter(name => measured.includes(name)),
    input: {channels: spec.channels, ...spec.image},
    prepare: pixels => tf.transpose(pixels, [0, 2, 3, 1]),
    weights,
    setWeights(given) {
      const taken = takeWeights(given, weights());
      tf.tidy(() => {
        for (const {weight, variable} of vitVariables(model, info)) {
          const data = taken.get(weight.name);
          if (data) variable.write(tf.tensor(toLayer(weight, data), layerShape(weight)));
        }
      });
    },
    randomWeights(seed) {
      const random = seededRandom(seed);
      return weights().map(own => ({
        ...own,
        data: drawn(vit.draw(own.name, {shape: own.shape, spec, config}), own.data.length, random),
      }));
    },
  };
}
