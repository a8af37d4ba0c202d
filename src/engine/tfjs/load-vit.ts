import {InvarianceError} from '../../errors.js';
import {numberOf} from '../architectures/config.js';
import {blockNames} from '../architectures/network.js';
import {readWeights} from '../architectures/read-weights.js';
import type {Spec} from '../architectures/spec.js';
import {type HfConfig, type ModelFolder, openModelFolder, resolveModel} from '../../models/index.js';
import type {LayersModel, Tf} from './tf.js';
import type {VitModelInfo} from './vit-info.js';
import {vitLayers} from './vit-layers.js';
import {trainableSpec} from './vit-spec.js';
import {vitVariables} from './vit-variables.js';
import {layerShape, toLayer} from './vit-weights.js';

/** What `loadVit` takes beside the folder. */
export interface LoadVitOptions {
  /**
   * Classes of a new head: how many, or their names. Without it the folder's own head is loaded.
   */
  classes?: number | readonly string[];
  /** Of the new head's weights, drawn as transformers draws them. Default 0. */
  seed?: number;
}

/**
 * A trainable ViT from a Hugging Face folder (`config.json`, `model.safetensors`, `preprocessor_config.json`), as a
 * LayersModel of the user's own TensorFlow.js.
 *
 * Input: (n, H, W, C) pixels in [0, 1], clamped and normalised inside. Output: logits (n, classes), so compile with a
 * loss that takes logits. Layers: `pixels`, `embeddings`, `block_00` …, `norm` (the class token, (n, D)), `head`.
 *
 * @param tf your own TensorFlow.js, with which you train.
 * @param folder path of the folder, or a hub name, as 'google/vit-base-patch16-224-in21k': from the Hugging Face cache, else
 *   downloaded into it.
 * @param options the head; without `classes` the folder's own.
 * @throws InvarianceError `bad_model` for a config that is not known here, `bad_weights` where the tensors do not agree
 *   with it, `bad_option` for classes or seeds that make no head.
 * @example
 * import * as tf from '@tensorflow/tfjs';
 * import {loadVit} from 'wandb-invariance';
 *
 * const model = await loadVit(tf, 'models/vit-small', {classes: 200});
 * const loss = (labels: tf.Tensor, logits: tf.Tensor) => tf.losses.softmaxCrossEntropy(labels, logits);
 * model.compile({optimizer: tf.train.adam(1e-4), loss, metrics: ['accuracy']});
 */
export async function loadVit(tf: Tf, folder: string, options: LoadVitOptions = {}): Promise<LayersModel> {
  const unknown = Object.keys(options).find(name => name !== 'classes' && name !== 'seed');
  if (unknown !== undefined)
    throw new InvarianceError('bad_option', `unknown option of loadVit: ${unknown}; known are classes, seed`);
  const {classes, seed = 0} = options;
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new InvarianceError('bad_option', `seed must be a whole number from 0, not ${seed}`);
  }
  const opened = await openModelFolder(await resolveModel({model: folder}));
  try {
    const {preprocessor} = opened;
    const spec = trainableSpec(opened.config, preprocessor.size);
    const arrays = new Map((await readWeights(opened)).map(({name, data}) => [name, data]));
    if (classes !== undefined) for (const name of ['head.weight', 'head.bias']) arrays.delete(name);
    const count = classes === undefined ? ownClasses(opened, arrays) : countOf(classes);
    const config = asBuilt(classes === undefined ? opened.config : withClasses(opened.config, classes), spec);
    const model = build(tf, {config, preprocessor, spec}, count, seed);
    tf.tidy(() => {
      for (const {weight, variable} of vitVariables(model, {config, preprocessor, spec})) {
        const data = arrays.get(weight.name);
        if (data) variable.write(tf.tensor(toLayer(weight, data), layerShape(weight)));
      }
    });
    return model;
  } finally {
    await opened.tensors.close();
  }
}

function build(tf: Tf, info: VitModelInfo, classes: number, seed: number): LayersModel {
  const layers = vitLayers(tf);
  const {height, width} = info.spec.image;
  const [mean, std] = [[...info.preprocessor.mean], [...info.preprocessor.std]];
  const spec = {name: JSON.stringify(info.spec)};
  // A seed of 0 is no seed to TensorFlow.js.
  const kernelInitializer = tf.initializers.truncatedNormal({
    stddev: numberOf(info.config, 'initializer_range', 0.02),
    seed: seed + 1,
  });
  const input = tf.input({shape: [height, width, info.spec.channels], name: 'images'});
  const chain = [
    layers.pixels({name: 'pixels', mean, std, source: {name: JSON.stringify(info)}}),
    layers.embeddings({name: 'embeddings', spec}),
    ...blockNames(info.spec.depth).map(name => layers.block({name, spec})),
    layers.norm({name: 'norm', spec}),
    tf.layers.dense({name: 'head', units: classes, kernelInitializer}),
  ];
  const logits = chain.reduce((output, layer) => layer.apply(output) as typeof input, input);
  return tf.model({inputs: input, outputs: logits, name: 'vit'});
}

function ownClasses({folder, config}: ModelFolder, arrays: ReadonlyMap<string, Float32Array>): number {
  const rows = arrays.get('head.bias')?.length;
  const labels = Object.keys(config['id2label'] ?? {}).length;
  if (rows !== undefined && labels !== 0 && rows !== labels) {
    throw new InvarianceError(
      'bad_weights',
      `${folder}: its head has ${rows} rows, but config.json names ${labels} classes`,
    );
  }
  if (rows !== undefined) return rows;
  throw new InvarianceError('bad_option', `${folder} holds no head; say how many classes it shall have`);
}

function countOf(classes: number | readonly string[]): number {
  const count = typeof classes === 'number' ? classes : classes.length;
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvarianceError(
    'bad_option',
    `classes must be a whole number from 1, or names, not ${JSON.stringify(classes)}`,
  );
}

/** The config of the same network with another head. */
function withClasses(config: HfConfig, classes: number | readonly string[]): HfConfig {
  const names =
    typeof classes === 'number'
      ? Array.from({length: countOf(classes)}, (_, k) => `LABEL_${k}`)
      : [...classes];
  const kept = Object.entries(config).filter(([key]) => key !== 'num_labels');
  return {
    ...Object.fromEntries(kept),
    architectures: ['ViTForImageClassification'],
    id2label: Object.fromEntries(names.map((name, k) => [k, name])),
    label2id: Object.fromEntries(names.map((name, k) => [name, k])),
  };
}

/** The config of what is built: positions interpolated to the preprocessor's size, weights in float32. */
function asBuilt(config: HfConfig, {image}: Spec): HfConfig {
  const {height, width} = image;
  const types = ['dtype', 'torch_dtype'].filter(key => key in config).map(key => [key, 'float32'] as const);
  return {...config, ...Object.fromEntries(types), image_size: height === width ? height : [height, width]};
}
