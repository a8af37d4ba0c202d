import {blockNames} from '../architectures/network.js';
import type {Spec} from '../architectures/spec.js';
import type {HfConfig, Preprocessor} from '../weights/index.js';
import type {LayersModel} from './tf.js';
import type {PixelsArgs} from './vit-layers.js';

/** What a `loadVit` model remembers of its folder. */
export interface VitModelInfo {
  /** Of the network as it is now: the labels are those of its head. */
  readonly config: HfConfig;
  readonly preprocessor: Preprocessor;
  /** The architecture as the engines read it from the config. */
  readonly spec: Spec;
}

/**
 * The config, preprocessor and architecture of a whole `loadVit` model, also after it went through TensorFlow.js's own
 * format; undefined for any other model.
 */
export function vitConfigOf(model: LayersModel): VitModelInfo | undefined {
  const pixels = model.layers.find(layer => layer.getClassName() === 'VitPixels');
  if (!pixels) return undefined;
  const {source} = pixels.getConfig() as unknown as PixelsArgs;
  const info = JSON.parse(source.name) as VitModelInfo;
  const names = new Set(model.layers.map(layer => layer.name));
  return ['embeddings', ...blockNames(info.spec.depth), 'norm'].every(name => names.has(name))
    ? info
    : undefined;
}
