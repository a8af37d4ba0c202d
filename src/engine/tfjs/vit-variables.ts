import type {LayersModel} from './tf.js';
import type {VitModelInfo} from './vit-info.js';
import {type VitWeight, fromLayer, vitWeights} from './vit-weights.js';

/** The live variables of a `loadVit` model beside what they are. */
export function vitVariables(
  model: LayersModel,
  {spec}: VitModelInfo,
): {weight: VitWeight; variable: LayersModel['weights'][number]}[] {
  const classes = model.getLayer('head').weights[0]!.shape[1]!;
  const queues = new Map(model.layers.map(layer => [layer.name, [...layer.weights]]));
  return vitWeights(spec, classes).map(weight => ({weight, variable: queues.get(weight.layer)!.shift()!}));
}

/** Copies every weight of a `loadVit` model to the host in PyTorch's layout, all of one moment; no tensor is made. */
export function snapshotVit(model: LayersModel, info: VitModelInfo): (VitWeight & {data: Float32Array})[] {
  return vitVariables(model, info).map(({weight, variable}) => ({
    ...weight,
    data: fromLayer(weight, variable.read().dataSync() as Float32Array),
  }));
}
