import {glorotDraw, transformersDraw} from './draw.js';
import {timmNames, transformersNames} from './names.js';
import {patchGrid, type Family, type Spec} from './spec.js';
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
    if (name === 'pos_embed') return sines(spec);
    if (name === 'patch_embed.weight') return glorotDraw([shape[0]!, spec.channels * spec.patch ** 2]);
    return transformersDraw(name, drawing);
  },
};

/** Fixed positions: sines and cosines of the column, then of the row; zero for the class token. */
function sines(spec: Spec): Float32Array {
  const {rows, columns} = patchGrid(spec);
  const quarter = spec.width / 4;
  const data = new Float32Array((rows * columns + 1) * spec.width);
  for (let place = 0; place < rows * columns; place++) {
    const [row, column] = [Math.floor(place / columns), place % columns];
    for (let i = 0; i < quarter; i++) {
      const frequency = 10000 ** (-i / quarter);
      const start = (place + 1) * spec.width + i;
      data[start] = Math.sin(column * frequency);
      data[start + quarter] = Math.cos(column * frequency);
      data[start + 2 * quarter] = Math.sin(row * frequency);
      data[start + 3 * quarter] = Math.cos(row * frequency);
    }
  }
  return data;
}
