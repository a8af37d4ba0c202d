import {patchGrid, type Spec} from './spec.js';

/** Fixed positions of the patches, (rows · columns, D): sines and cosines of the column, then of the row (He et al. 2022). */
export function sines(spec: Spec): Float32Array {
  const {rows, columns} = patchGrid(spec);
  const quarter = spec.width / 4;
  const data = new Float32Array(rows * columns * spec.width);
  for (let place = 0; place < rows * columns; place++) {
    const [row, column] = [Math.floor(place / columns), place % columns];
    for (let i = 0; i < quarter; i++) {
      const frequency = 10000 ** (-i / quarter);
      const start = place * spec.width + i;
      data[start] = Math.sin(column * frequency);
      data[start + quarter] = Math.cos(column * frequency);
      data[start + 2 * quarter] = Math.sin(row * frequency);
      data[start + 3 * quarter] = Math.cos(row * frequency);
    }
  }
  return data;
}
