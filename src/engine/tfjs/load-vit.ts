import {InvarianceError} from '../../errors.js';
import {type HfConfig, type ModelFolder, openModelFolder} from '../weights/index.js';
import type {LayersModel, Tf} from './tf.js';
import {type VitConfig, blockName, parseVitConfig} from './vit-config.js';
import {vitLayers} from './vit-layers.js';
import {type VitWeight, headWeights, layerShape, toLayer, vitWeights} from './vit-weights.js';

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
 * @throws InvarianceError `bad_model` for a config that is not known here, `bad_weights` where the tensors do not agree
 *   with it, `bad_option` for classes or seeds that make no head.
 * @example
 * const model = await loadVit(tf, 'models/vit-small', {classes: 200});
 * const loss = (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits);
 * model.compile({optimizer: tf.train.adam(1e-4), loss, metrics: ['accuracy']});
 */
export async function loadVit(
  tf: Tf,
  folder: string,
  {classes, seed = 0}: LoadVitOptions = {},
): Promise<LayersModel> {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new InvarianceError('bad_option', `seed must be a whole number from 0, not ${seed}`);
  }
  const opened = await openModelFolder(folder);
  try {
    const vit = parseVitConfig(opened.config);
    const config = classes === undefined ? opened.config : withClasses(opened.config, classes);
    const count = classes === undefined ? ownClasses(opened) : countOf(classes);
    const own = [...vitWeights(vit), ...(classes === undefined ? headWeights(vit.width, count) : [])];
    const arrays = await readAll(opened, own);

    const source = {name: JSON.stringify({config, preprocessor: opened.preprocessor})};
    const {mean, std} = opened.preprocessor;
    const model = build(tf, vit, {mean: [...mean], std: [...std], source}, count, seed);
    for (const layer of model.layers) {
      const weights = own.filter(weight => weight.layer === layer.name);
      if (weights.length === 0) continue;
      tf.tidy(() =>
        layer.setWeights(
          weights.map(weight => tf.tensor(toLayer(weight, arrays.get(weight.name)!), layerShape(weight))),
        ),
      );
    }
    return model;
  } finally {
    await opened.tensors.close();
  }
}

function build(
  tf: Tf,
  vit: VitConfig,
  pixels: {mean: number[]; std: number[]; source: {name: string}},
  classes: number,
  seed: number,
): LayersModel {
  const layers = vitLayers(tf);
  const {imageSize, channels} = vit;
  const input = tf.input({shape: [imageSize, imageSize, channels], name: 'images'});
  // A seed of 0 is no seed to TensorFlow.js.
  const kernelInitializer = tf.initializers.truncatedNormal({stddev: vit.initializerRange, seed: seed + 1});
  const chain = [
    layers.pixels({name: 'pixels', ...pixels}),
    layers.embeddings({name: 'embeddings', vit}),
    ...Array.from({length: vit.depth}, (_, index) => layers.block({name: blockName(index), vit})),
    layers.norm({name: 'norm', vit}),
    tf.layers.dense({name: 'head', units: classes, kernelInitializer}),
  ];
  const logits = chain.reduce((output, layer) => layer.apply(output) as typeof input, input);
  return tf.model({inputs: input, outputs: logits, name: 'vit'});
}

async function readAll(
  {folder, tensors}: ModelFolder,
  weights: readonly VitWeight[],
): Promise<Map<string, Float32Array>> {
  const arrays = new Map<string, Float32Array>();
  for (const {name, shape} of weights) {
    const {shape: stored, data} = await tensors.read(storedName(tensors, name));
    if (stored.join() !== shape.join()) {
      throw new InvarianceError(
        'bad_weights',
        `${folder}: ${name} is [${stored.join(', ')}] where config.json wants [${shape.join(', ')}]`,
      );
    }
    if (!(data instanceof Float32Array) || !data.every(Number.isFinite)) {
      throw new InvarianceError('bad_weights', `${folder}: ${name} holds values that are not finite numbers`);
    }
    arrays.set(name, data);
  }
  return arrays;
}

/** A folder saved from a bare ViTModel leaves out the prefix. */
function storedName(tensors: ModelFolder['tensors'], name: string): string {
  return tensors.has(name) ? name : name.replace(/^vit\./, '');
}

function ownClasses({folder, tensors}: ModelFolder): number {
  const name = 'classifier.weight';
  if (tensors.has(name)) return tensors.info(name).shape[0]!;
  throw new InvarianceError(
    'bad_option',
    `${folder} holds no head (${name}); say how many classes it shall have`,
  );
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
