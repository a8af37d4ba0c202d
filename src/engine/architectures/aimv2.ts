import {activationOf, numberOf} from './config.js';
import {transformersDraw} from './draw.js';
import type {Names} from './names.js';
import type {Family} from './spec.js';
import {vitSpec} from './vit.js';

const names: Names = {
  patch_embed: 'embeddings.patch_embed',
  patch_norm: 'embeddings.rms_norm',
  pos_embed: 'embeddings.position_embedding.weight',
  'blocks.{i}.norm1': 'encoder.layers.{i}.rms_norm1',
  'blocks.{i}.attn.q': 'encoder.layers.{i}.attention.q_proj',
  'blocks.{i}.attn.k': 'encoder.layers.{i}.attention.k_proj',
  'blocks.{i}.attn.v': 'encoder.layers.{i}.attention.v_proj',
  'blocks.{i}.attn.proj': 'encoder.layers.{i}.attention.out_proj',
  'blocks.{i}.norm2': 'encoder.layers.{i}.rms_norm2',
  'blocks.{i}.mlp.gate': 'encoder.layers.{i}.ffn.gate_proj',
  'blocks.{i}.mlp.up': 'encoder.layers.{i}.ffn.up_proj',
  'blocks.{i}.mlp.down': 'encoder.layers.{i}.ffn.down_proj',
  norm: 'rms_norm',
};

/**
 * The vision tower of AIMv2, alone or inside the whole model: RMSNorm, SwiGLU, no class token, so `norm` is the mean of the
 * normed tokens; the attention pooling lies behind it. Fini et al. 2024, arXiv 2411.14402.
 */
export const aimv2: Family = {
  name: 'AIMv2 vision',
  modelTypes: ['aimv2', 'aimv2_vision_model'],
  names: [names],
  prefixes: ['vision_model.', ''],
  positionsBy: 'bicubic',
  spec: config => {
    const bias = config['qkv_bias'] === true;
    const plain = {
      hidden_size: 1024,
      intermediate_size: 2816,
      num_hidden_layers: 24,
      num_attention_heads: 8,
      patch_size: 14,
    };
    return {
      ...vitSpec({...plain, ...config}),
      activation: activationOf(config, 'silu'),
      gated: true,
      epsilon: numberOf(config, 'rms_norm_eps', 1e-5),
      classToken: false,
      positions: config['is_native'] === true ? 'sines' : 'patches',
      biases: {
        query: bias,
        key: bias,
        value: bias,
        ...(!bias && {projection: false}),
        ...(config['mlp_bias'] !== true && {mlp: false}),
      },
      readout: 'mean',
      rootMeanSquare: true,
      patchNorm: true,
    };
  },
  draw: transformersDraw,
};
