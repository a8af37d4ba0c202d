import type {LayersModel} from './tf.js';
import {parseVitConfig} from './vit-config.js';
import type {VitModelInfo} from './vit-info.js';
import {type VitWeight, fromLayer, headWeights, vitWeights} from './vit-weights.js';

/** One weight under its Hugging Face name, in Hugging Face's layout. */
export interface SnapshotTensor extends VitWeight {
  data: Float32Array;
}

/** Copies every weight of a `loadVit` model to the host, all of one moment; no tensor is made. */
export function snapshotVit(model: LayersModel, {config}: VitModelInfo): SnapshotTensor[] {
  const vit = parseVitConfig(config);
  const head = model.layers.find(layer => layer.name === 'head');
  const classes = head?.weights[0]?.shape[1];
  const table = [...vitWeights(vit), ...(classes ? headWeights(vit.width, classes) : [])];
  const read = new Map(model.layers.map(layer => [layer.name, [...layer.weights]]));
  return table.map(weight => {
    const variable = read.get(weight.layer)!.shift()!;
    return {...weight, data: fromLayer(weight, variable.read().dataSync() as Float32Array)};
  });
}
