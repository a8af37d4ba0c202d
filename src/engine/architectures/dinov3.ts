import {numberOf} from './config.js';
import {transformersDraw} from './draw.js';
import {moved, type Names} from './names.js';
import type {Family} from './spec.js';
import {vitSpec} from './vit.js';

const onDisk: Names = {
  cls_token: 'embeddings.cls_token',
  register_tokens: 'embeddings.register_tokens',
  patch_embed: 'embeddings.patch_embeddings',
  'blocks.{i}.norm1': 'layer.{i}.norm1',
  'blocks.{i}.attn.q': 'layer.{i}.attention.q_proj',
  'blocks.{i}.attn.k': 'layer.{i}.attention.k_proj',
  'blocks.{i}.attn.v': 'layer.{i}.attention.v_proj',
  'blocks.{i}.attn.proj': 'layer.{i}.attention.o_proj',
  'blocks.{i}.ls1': 'layer.{i}.layer_scale1.lambda1',
  'blocks.{i}.norm2': 'layer.{i}.norm2',
  'blocks.{i}.mlp.fc1': 'layer.{i}.mlp.up_proj',
  'blocks.{i}.mlp.fc2': 'layer.{i}.mlp.down_proj',
  'blocks.{i}.mlp.gate': 'layer.{i}.mlp.gate_proj',
  'blocks.{i}.mlp.up': 'layer.{i}.mlp.up_proj',
  'blocks.{i}.mlp.down': 'layer.{i}.mlp.down_proj',
  'blocks.{i}.ls2': 'layer.{i}.layer_scale2.lambda1',
  norm: 'norm',
};

/** Rotary positions, registers, class token. Siméoni et al. 2025, arXiv 2508.10104. */
export const dinov3: Family = {
  name: 'DINOv3 ViT',
  modelTypes: ['dinov3_vit'],
  names: [onDisk, moved(onDisk, 'layer.', 'model.layer.')],
  prefixes: [''],
  positionsBy: 'bicubic',
  spec: config => {
    const gated = config['use_gated_mlp'] === true;
    const plain = {hidden_size: 384, intermediate_size: 1536, num_attention_heads: 6, layer_norm_eps: 1e-5};
    return {
      ...vitSpec({...plain, ...config}),
      gated,
      registers: numberOf(config, 'num_register_tokens', 0),
      positions: 'none',
      biases: {
        query: config['query_bias'] !== false,
        key: config['key_bias'] === true,
        value: config['value_bias'] !== false,
        ...(config['proj_bias'] === false && {projection: false}),
        ...(config['mlp_bias'] === false && {mlp: false}),
      },
      layerScale: true,
      rotary: {
        coordinates: 'centre',
        offset: 0,
        reference: null,
        first: 'row',
        temperature: numberOf(config, 'rope_theta', 100),
        pairs: 'halves',
      },
    };
  },
  draw: (name, drawing) =>
    /\.ls[12]$/.test(name)
      ? {fill: numberOf(drawing.config, 'layerscale_value', 1)}
      : transformersDraw(name, drawing),
};
