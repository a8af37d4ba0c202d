import type {HfConfig} from '../../models/index.js';
import {towerNames} from './clip.js';
import {activationOf, numberOf} from './config.js';
import {glorotDraw, transformersDraw} from './draw.js';
import type {Family, Spec} from './spec.js';
import {vitSpec} from './vit.js';

/**
 * The vision tower of SigLIP, alone or inside the whole model: no class token, so `norm` is the mean of the normed
 * tokens, which is also what its classifier reads. Zhai et al. 2023, arXiv 2303.15343.
 */
export const siglip: Family = {
  name: 'SigLIP vision',
  modelTypes: ['siglip', 'siglip_vision_model'],
  names: [towerNames],
  prefixes: ['vision_model.', ''],
  positionsBy: 'bicubic',
  spec: siglipSpec,
  draw: (name, drawing) => {
    const {width, channels, patch} = drawing.spec;
    if (name === 'pos_embed') return {std: width ** -0.5};
    // Theirs is cut at two deviations and rescaled to this one.
    if (name === 'patch_embed.weight') return {std: (channels * patch * patch) ** -0.5};
    if (/mlp\.fc[12]\.bias$/.test(name)) return {std: 1e-6};
    if (/(attn|mlp)\.\w+\.weight$/.test(name)) return glorotDraw(drawing.shape);
    return transformersDraw(name, drawing);
  },
};

/**
 * The vision tower of SigLIP 2's models of any size (NaFlex), at a square of its patches; the others of SigLIP 2 are SigLIP
 * to transformers. Tschannen et al. 2025, arXiv 2502.14786.
 */
export const siglip2: Family = {
  ...siglip,
  name: 'SigLIP 2 vision (NaFlex)',
  modelTypes: ['siglip2', 'siglip2_vision_model'],
  positionsBy: 'antialiased bilinear',
  spec: config => {
    const spec = siglipSpec(config);
    const side = Math.floor(Math.sqrt(numberOf(config, 'num_patches', 256))) * spec.patch;
    return {...spec, image: {height: side, width: side}, channelsLast: true};
  },
};

function siglipSpec(config: HfConfig): Spec {
  return {
    ...vitSpec({layer_norm_eps: 1e-6, ...config}),
    activation: activationOf(config, 'gelu_pytorch_tanh'),
    classToken: false,
    positions: 'patches',
    readout: 'mean',
  };
}
