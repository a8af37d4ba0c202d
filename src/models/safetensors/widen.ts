import type {NarrowDtype} from './tensor.js';

/** 2^112: what a half's exponent bits lack when they are read as those of a float32. */
const HALF_BIAS = 2 ** 112;

/**
 * Widens floats of 16 or 8 bits to float32, exactly. The `count` numbers lie at the **end** of `buffer`
 * (4 · count bytes) and the result fills all of it: reading stays ahead of writing, so no second buffer is held.
 */
export function widen(buffer: ArrayBuffer, count: number, dtype: NarrowDtype): Float32Array {
  if (dtype === 'F8_E4M3' || dtype === 'F8_E5M2') {
    const bytes = new Uint8Array(buffer, 3 * count, count);
    const widened = new Float32Array(buffer);
    for (let i = 0; i < count; i++) widened[i] = eights[dtype][bytes[i]!]!;
    return widened;
  }
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

/** Every number of 8 bits (Micikevicius et al. 2022, arXiv 2209.05433, table 1): E4M3 has no infinities and one NaN a sign. */
const eights = {
  F8_E4M3: numbers(7, 3, (exponent, mantissa) => (exponent === 15 && mantissa === 7 ? NaN : undefined)),
  F8_E5M2: numbers(15, 2, (exponent, mantissa) =>
    exponent === 31 ? (mantissa === 0 ? Infinity : NaN) : undefined,
  ),
};

function numbers(
  bias: number,
  bits: number,
  special: (exponent: number, mantissa: number) => number | undefined,
): Float32Array {
  return Float32Array.from({length: 256}, (_, code) => {
    const [exponent, mantissa] = [(code & 0x7f) >> bits, code & ((1 << bits) - 1)];
    const share = mantissa / (1 << bits);
    const size = exponent === 0 ? share * 2 ** (1 - bias) : (1 + share) * 2 ** (exponent - bias);
    return (code & 0x80 ? -1 : 1) * (special(exponent, mantissa) ?? size);
  });
}
