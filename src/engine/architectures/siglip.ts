import {towerNames} from './clip.js';
import {activationOf, visionPart} from './config.js';
import {glorotDraw, transformersDraw} from './draw.js';
import type {Family} from './spec.js';
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
  spec: config => ({
    ...vitSpec({layer_norm_eps: 1e-6, ...visionPart(config)}),
    activation: activationOf(visionPart(config), 'gelu_pytorch_tanh'),
    classToken: false,
    positions: 'patches',
    readout: 'mean',
  }),
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
