import {resizeGrid, type Interpolation} from './resize-grid.js';
import {patchGrid, type Spec} from './spec.js';

/** Rows of BEiT's table that are no difference of two places: class to patch, patch to class, class to class. */
const SPECIAL_DIFFERENCES = 3;

/**
 * A weight laid out for the patch grid of `stored`, for that of `wanted`: position embeddings and tables of relative
 * positions are interpolated, everything else is as it was.
 */
export function resizePositions(
  {name, data}: {name: string; data: Float32Array},
  {stored, wanted, by}: {stored: Spec; wanted: Spec; by: Interpolation},
): Float32Array {
  const [from, to] = [patchGrid(stored), patchGrid(wanted)];
  if (from.rows === to.rows && from.columns === to.columns) return data;
  if (name === 'pos_embed') {
    const special = data.length - from.rows * from.columns * stored.width;
    const patches = resizeGrid(data.subarray(special), {from, to, width: stored.width, by});
    return joined(data.subarray(0, special), patches);
  }
  if (!name.endsWith('relative_bias')) return data;
  const differences = ({rows, columns}: typeof from) => ({rows: 2 * rows - 1, columns: 2 * columns - 1});
  const end = data.length - SPECIAL_DIFFERENCES * stored.heads;
  const table = resizeGrid(data.subarray(0, end), {
    from: differences(from),
    to: differences(to),
    width: stored.heads,
    by: 'bilinear',
  });
  return joined(table, data.subarray(end));
}

function joined(first: Float32Array, second: Float32Array): Float32Array {
  const whole = new Float32Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
