import type {HfConfig} from '../../models/index.js';
import {activationOf, numberOf, patchOf, sizeOf} from './config.js';
import {transformersDraw} from './draw.js';
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
