import {activationOf, numberOf} from './config.js';
import {transformersDraw} from './draw.js';
import type {Names} from './names.js';
import type {Family} from './spec.js';
import {vitSpec} from './vit.js';

/** Names of CLIP's and SigLIP's vision towers. */
export const towerNames: Names = {
  cls_token: 'embeddings.class_embedding',
  pos_embed: 'embeddings.position_embedding.weight',
  patch_embed: 'embeddings.patch_embedding',
  // The misspelling is theirs.
  norm_pre: 'pre_layrnorm',
  'blocks.{i}.norm1': 'encoder.layers.{i}.layer_norm1',
  'blocks.{i}.attn.q': 'encoder.layers.{i}.self_attn.q_proj',
  'blocks.{i}.attn.k': 'encoder.layers.{i}.self_attn.k_proj',
  'blocks.{i}.attn.v': 'encoder.layers.{i}.self_attn.v_proj',
  'blocks.{i}.attn.proj': 'encoder.layers.{i}.self_attn.out_proj',
  'blocks.{i}.norm2': 'encoder.layers.{i}.layer_norm2',
  'blocks.{i}.mlp.fc1': 'encoder.layers.{i}.mlp.fc1',
  'blocks.{i}.mlp.fc2': 'encoder.layers.{i}.mlp.fc2',
  norm: 'post_layernorm',
  head: 'classifier',
};

/**
 * The vision tower of CLIP, MetaCLIP 2 and CLIPSeg, alone or inside the whole model. Radford et al. 2021, arXiv 2103.00020.
 */
export const clip: Family = {
  name: 'CLIP vision',
  modelTypes: [
    'clip',
    'clip_vision_model',
    'metaclip_2',
    'metaclip_2_vision_model',
    'clipseg',
    'clipseg_vision_model',
  ],
  names: [towerNames],
  prefixes: ['vision_model.', ''],
  positionsBy: 'bicubic',
  spec: config => ({
    ...vitSpec({patch_size: 32, layer_norm_eps: 1e-5, ...config}),
    activation: activationOf(config, 'quick_gelu'),
    patchBias: false,
    normBefore: true,
    head: 'mean of block',
  }),
  draw: (name, drawing) => {
    const {width, depth} = drawing.spec;
    const factor = numberOf(drawing.config, 'initializer_factor', 1);
    const wide = width ** -0.5 * factor;
    if (name === 'cls_token' || name.endsWith('attn.proj.weight')) return {std: wide};
    if (/(attn\.[qkv]|mlp\.fc2)\.weight$/.test(name)) return {std: wide * (2 * depth) ** -0.5};
    if (name.endsWith('mlp.fc1.weight')) return {std: (2 * width) ** -0.5 * factor};
    return transformersDraw(name, drawing);
  },
};
