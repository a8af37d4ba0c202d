import type {HfConfig} from '../../models/index.js';
import {numberOf} from './config.js';
import {transformersDraw} from './draw.js';
import {attention, attentionInMemory, embeddings, part, type Names} from './names.js';
import type {Family, Spec} from './spec.js';
import {vitSpec} from './vit.js';

const common: Names = {
  ...embeddings,
  register_tokens: 'embeddings.register_tokens',
  'blocks.{i}.norm1': 'encoder.layer.{i}.norm1',
  'blocks.{i}.norm2': 'encoder.layer.{i}.norm2',
  'blocks.{i}.ls1': 'encoder.layer.{i}.layer_scale1.lambda1',
  'blocks.{i}.ls2': 'encoder.layer.{i}.layer_scale2.lambda1',
  'blocks.{i}.mlp.fc1': 'encoder.layer.{i}.mlp.fc1',
  'blocks.{i}.mlp.fc2': 'encoder.layer.{i}.mlp.fc2',
};
const names: readonly Names[] = [
  {
    ...common,
    ...attention,
    'blocks.{i}.mlp.gate': part('encoder.layer.{i}.mlp.weights_in', 0, 2),
    'blocks.{i}.mlp.up': part('encoder.layer.{i}.mlp.weights_in', 1, 2),
    'blocks.{i}.mlp.down': 'encoder.layer.{i}.mlp.weights_out',
  },
  {
    ...common,
    ...attentionInMemory,
    'blocks.{i}.mlp.gate': 'encoder.layer.{i}.mlp.gate_proj',
    'blocks.{i}.mlp.up': 'encoder.layer.{i}.mlp.up_proj',
    'blocks.{i}.mlp.down': 'encoder.layer.{i}.mlp.down_proj',
  },
];

function dinov2Spec(config: HfConfig): Spec {
  const gated = config['use_swiglu_ffn'] === true;
  const width = numberOf(config, 'hidden_size', 768);
  const hidden = Math.trunc(width * numberOf(config, 'mlp_ratio', 4));
  return {
    ...vitSpec({patch_size: 14, layer_norm_eps: 1e-6, ...config}),
    // SwiGLU keeps two thirds of the units, rounded up to a multiple of 8.
    hidden: gated ? 8 * Math.floor((Math.trunc((hidden * 2) / 3) + 7) / 8) : hidden,
    gated,
    ...(gated && {activation: 'silu' as const}),
    layerScale: true,
    head: 'class and mean',
  };
}

const draw: Family['draw'] = (name, drawing) => {
  if (/\.ls[12]$/.test(name)) return {fill: numberOf(drawing.config, 'layerscale_value', 1)};
  return name === 'register_tokens' ? {fill: 0} : transformersDraw(name, drawing);
};

/** Oquab et al. 2024, arXiv 2304.07193. */
export const dinov2: Family = {
  name: 'DINOv2',
  modelTypes: ['dinov2'],
  names,
  prefixes: ['dinov2.', ''],
  positionsBy: 'bicubic',
  spec: dinov2Spec,
  draw,
};

/** Darcet et al. 2024, arXiv 2309.16588. */
export const dinov2WithRegisters: Family = {
  name: 'DINOv2 with registers',
  modelTypes: ['dinov2_with_registers'],
  names,
  prefixes: ['dinov2_with_registers.', ''],
  positionsBy: 'antialiased bicubic',
  spec: config => ({
    ...dinov2Spec({patch_size: 16, ...config}),
    registers: numberOf(config, 'num_register_tokens', 4),
  }),
  draw,
};
