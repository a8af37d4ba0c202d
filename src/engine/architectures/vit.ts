import type {HfConfig} from '../../models/index.js';
import {activationOf, numberOf, patchOf, sizeOf} from './config.js';
import {transformersDraw, zeroTokensDraw} from './draw.js';
import {timmNames, transformersNames} from './names.js';
import type {Family, Spec} from './spec.js';

/** What ViT's configuration says, and the flags of the plain architecture. */
export function vitSpec(config: HfConfig): Spec {
  const bias = config['qkv_bias'] !== false;
  return {
    image: sizeOf(config, 'image_size', 224),
    channels: numberOf(config, 'num_channels', 3),
    patch: patchOf(config, 16),
    patchBias: true,
    width: numberOf(config, 'hidden_size', 768),
    depth: numberOf(config, 'num_hidden_layers', 12),
    heads: numberOf(config, 'num_attention_heads', 12),
    hidden: numberOf(config, 'intermediate_size', 3072),
    activation: activationOf(config, 'gelu'),
    gated: false,
    epsilon: numberOf(config, 'layer_norm_eps', 1e-12),
    classToken: true,
    distillationToken: false,
    registers: 0,
    positions: 'all',
    relativePositions: 'none',
    normBefore: false,
    biases: {query: bias, key: bias, value: bias},
    layerScale: false,
    readout: 'class',
    head: 'readout',
  };
}

/** Dosovitskiy et al. 2021, arXiv 2010.11929. */
export const vit: Family = {
  name: 'ViT',
  modelTypes: ['vit'],
  names: [...transformersNames, timmNames],
  prefixes: ['vit.', ''],
  positionsBy: 'bicubic',
  spec: vitSpec,
  draw: transformersDraw,
};

/** Masked Siamese networks. Assran et al. 2022, arXiv 2204.07141. */
export const vitMsn: Family = {
  ...vit,
  name: 'ViT-MSN',
  modelTypes: ['vit_msn'],
  spec: config => vitSpec({layer_norm_eps: 1e-6, ...config}),
  draw: zeroTokensDraw,
};

/** No class token: a classifier reads the mean of the normed patches. Assran et al. 2023, arXiv 2301.08243. */
export const ijepa: Family = {
  ...vit,
  name: 'I-JEPA',
  modelTypes: ['ijepa'],
  prefixes: ['ijepa.', ''],
  spec: config => ({...vitSpec(config), classToken: false, positions: 'patches', readout: 'mean'}),
};

/** The encoder of a dense prediction transformer; its neck and head lie behind it. Ranftl et al. 2021, arXiv 2103.13413. */
export const dpt: Family = {
  ...vit,
  name: 'DPT',
  modelTypes: ['dpt'],
  prefixes: ['dpt.', ''],
  spec: config => vitSpec({image_size: 384, ...config}),
  positionsBy: 'bilinear',
  draw: zeroTokensDraw,
};

/**
 * Detection tokens stand after the patches, and `norm` is the mean of the normed patches. Fang et al. 2021, arXiv 2106.00666.
 */
export const yolos: Family = {
  ...vit,
  name: 'YOLOS',
  modelTypes: ['yolos'],
  names: transformersNames.map(names => ({
    ...names,
    detection_tokens: 'embeddings.detection_tokens',
    repeated_positions: 'encoder.mid_position_embeddings',
  })),
  spec: config => ({
    ...vitSpec({...config, image_size: config['image_size'] ?? [512, 864]}),
    readout: 'mean of patches',
    detectionTokens: numberOf(config, 'num_detection_tokens', 100),
    ...(config['use_mid_position_embeddings'] !== false && {repeatedPositions: true}),
  }),
  draw: zeroTokensDraw,
};
