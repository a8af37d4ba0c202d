import {numberOf} from './config.js';
import {zeroTokensDraw} from './draw.js';
import {transformersNames, type Names} from './names.js';
import type {Family, Spec} from './spec.js';
import {vitSpec} from './vit.js';

const onDisk: Names = {
  'blocks.{i}.ls1': 'encoder.layer.{i}.lambda_1',
  'blocks.{i}.ls2': 'encoder.layer.{i}.lambda_2',
  'blocks.{i}.attn.relative_bias':
    'encoder.layer.{i}.attention.attention.relative_position_bias.relative_position_bias_table',
  relative_bias: 'encoder.relative_position_bias.relative_position_bias_table',
};
const inMemory: Names = {
  'blocks.{i}.ls1': 'layers.{i}.lambda_1',
  'blocks.{i}.ls2': 'layers.{i}.lambda_2',
  'blocks.{i}.attn.relative_bias': 'layers.{i}.relative_position_bias.relative_position_bias_table',
  relative_bias: 'relative_position_bias.relative_position_bias_table',
};

/** In place of a norm after the last block, where the patches' mean is what a classifier reads. */
const pooledNorm: Names = {norm: 'pooler.layernorm'};

/**
 * `norm` is its pooler: the norm of the patches' mean, or the normed class token where `use_mean_pooling` is false. Bao et al. 2022, arXiv 2106.08254.
 */
export const beit: Family = {
  name: 'BEiT',
  modelTypes: ['beit'],
  names: [
    {...transformersNames[0], ...onDisk, ...pooledNorm},
    {...transformersNames[0], ...onDisk},
    {...transformersNames[1], ...inMemory, ...pooledNorm},
    {...transformersNames[1], ...inMemory},
  ],
  prefixes: ['beit.', ''],
  positionsBy: 'bicubic',
  spec: config => {
    const tables: Spec['relativePositions'] = config['use_shared_relative_position_bias'] ? 'shared' : 'none';
    return {
      ...vitSpec(config),
      biases: {query: true, key: false, value: true},
      positions: config['use_absolute_position_embeddings'] ? 'all' : 'none',
      relativePositions: config['use_relative_position_bias'] ? 'block' : tables,
      layerScale: numberOf(config, 'layer_scale_init_value', 0.1) > 0,
      readout: config['use_mean_pooling'] === false ? 'class' : 'norm of mean',
    };
  },
  draw: (name, drawing) => {
    if (/\.ls[12]$/.test(name)) return {fill: numberOf(drawing.config, 'layer_scale_init_value', 0.1)};
    return name.endsWith('relative_bias') ? {fill: 0} : zeroTokensDraw(name, drawing);
  },
};

/** Built as BEiT is. Baevski et al. 2022, arXiv 2202.03555. */
export const data2vecVision: Family = {
  ...beit,
  name: 'data2vec vision',
  modelTypes: ['data2vec-vision'],
  prefixes: ['data2vec_vision.', ''],
};
