import {glorotDraw, transformersDraw} from './draw.js';
import {timmNames, transformersNames} from './names.js';
import {sines} from './sines.js';
import type {Family} from './spec.js';
import {vitSpec} from './vit.js';

/** The encoder, with no patch masked; of `ViTMAEForPreTraining` too. He et al. 2022, arXiv 2111.06377. */
export const mae: Family = {
  name: 'MAE',
  modelTypes: ['vit_mae'],
  names: [...transformersNames, timmNames],
  prefixes: ['vit.', ''],
  positionsBy: 'bicubic',
  spec: vitSpec,
  // What transformers means to do; its version 5.23 skips it and leaves the positions of a fresh model at zero.
  draw: (name, drawing) => {
    const {spec, shape} = drawing;
    // Zero for the class token.
    if (name === 'pos_embed') {
      const positions = new Float32Array(shape[0]! * spec.width);
      positions.set(sines(spec), spec.width);
      return positions;
    }
    if (name === 'patch_embed.weight') return glorotDraw([shape[0]!, spec.channels * spec.patch ** 2]);
    return transformersDraw(name, drawing);
  },
};
