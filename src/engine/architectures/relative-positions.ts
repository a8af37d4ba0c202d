import {gather, reshape, transpose} from '../onnx/ops.js';
import type {Value} from '../onnx/tape.js';
import {patchGrid, type Spec} from './spec.js';

/** One row for each difference of two patches' places, then class to patch, patch to class, class to class. */
export function relativeShape(spec: Spec): [number, number] {
  const {rows, columns} = patchGrid(spec);
  return [(2 * rows - 1) * (2 * columns - 1) + 3, spec.heads];
}

/**
 * What BEiT adds to the attention scores, (1, heads, T, T): a learned number for the place of the key relative to the
 * query (Bao et al. 2022, arXiv 2106.08254).
 */
export function relativeBias(spec: Spec, table: Value): Value {
  const {rows, columns} = patchGrid(spec);
  const t = rows * columns + 1;
  const [size] = relativeShape(spec);
  const index = new BigInt64Array(t * t);
  for (let query = 0; query < t; query++) {
    for (let key = 0; key < t; key++) index[query * t + key] = BigInt(row(query - 1, key - 1));
  }
  return transpose(reshape(gather(table, index), [1, t, t, spec.heads]), [0, 3, 1, 2]);

  function row(query: number, key: number): number {
    if (query < 0) return key < 0 ? size - 1 : size - 3;
    if (key < 0) return size - 2;
    const down = Math.floor(query / columns) - Math.floor(key / columns) + rows - 1;
    const across = (query % columns) - (key % columns) + columns - 1;
    return down * (2 * columns - 1) + across;
  }
}
