import {blockNames} from '../architectures/network.js';
import type {Spec} from '../architectures/spec.js';
import type {HfConfig, Preprocessor} from '../../models/index.js';
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
 * The config, preprocessor and architecture of a `loadVit` model, also after it went through TensorFlow.js's own format;
 * undefined for any other model, one with our layers but weights or a head of its own too: as a Hugging Face folder it
 * would lose them.
 */
export function vitConfigOf(model: LayersModel): VitModelInfo | undefined {
  const pixels = model.layers.find(layer => layer.getClassName() === 'VitPixels');
  if (!pixels) return undefined;
  const {source} = pixels.getConfig() as unknown as PixelsArgs;
  const info = JSON.parse(source.name) as VitModelInfo;
  const owners = model.layers.filter(layer => layer.weights.length > 0);
  const names = ['embeddings', ...blockNames(info.spec.depth), 'norm', 'head'];
  const labels = Object.keys(info.config['id2label'] ?? {}).length;
  const classes = owners.at(-1)!.weights[0]!.shape[1];
  const whole = owners.map(({name}) => name).join() === names.join() && (labels === 0 || labels === classes);
  return whole ? info : undefined;
}
