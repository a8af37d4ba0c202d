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
  const {width, depth, detectionTokens = 0} = stored;
  if (name === 'repeated_positions') {
    const size = data.length / (depth - 1);
    return joined(Array.from({length: depth - 1}, (_, i) => placed(data.subarray(i * size, (i + 1) * size))));
  }
  if (name === 'pos_embed') return placed(data);
  if (!name.endsWith('relative_bias')) return data;
  const differences = ({rows, columns}: typeof from) => ({rows: 2 * rows - 1, columns: 2 * columns - 1});
  const end = data.length - SPECIAL_DIFFERENCES * stored.heads;
  const table = resizeGrid(data.subarray(0, end), {
    from: differences(from),
    to: differences(to),
    width: stored.heads,
    by: 'bilinear',
  });
  return joined([table, data.subarray(end)]);

  /** Positions of the tokens before the patches and after them stay. */
  function placed(positions: Float32Array): Float32Array {
    const after = positions.length - detectionTokens * width;
    const before = after - from.rows * from.columns * width;
    const patches = resizeGrid(positions.subarray(before, after), {from, to, width, by});
    return joined([positions.subarray(0, before), patches, positions.subarray(after)]);
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
