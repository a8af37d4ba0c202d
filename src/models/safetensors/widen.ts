/** 2^112: what a half's exponent bits lack when they are read as those of a float32. */
const HALF_BIAS = 2 ** 112;

/**
 * Widens 16-bit floats to float32, exactly. The `count` halves lie in the **last** half of `buffer`
 * (4 · count bytes) and the result fills all of it: reading stays ahead of writing, so no second buffer is held.
 */
export function widen(buffer: ArrayBuffer, count: number, dtype: 'F16' | 'BF16'): Float32Array {
  const source = new Uint16Array(buffer, 2 * count, count);
  const bits = new Uint32Array(buffer);
  const values = new Float32Array(buffer);
  if (dtype === 'BF16') {
    for (let i = 0; i < count; i++) bits[i] = source[i]! << 16;
    return values;
  }
  for (let i = 0; i < count; i++) {
    const half = source[i]!;
    const sign = (half & 0x8000) << 16;
    if ((half & 0x7c00) === 0x7c00) {
      bits[i] = sign | 0x7f800000 | ((half & 0x3ff) << 13);
    } else {
      bits[i] = sign | ((half & 0x7fff) << 13);
      values[i] = values[i]! * HALF_BIAS;
    }
  }
  return values;
}
