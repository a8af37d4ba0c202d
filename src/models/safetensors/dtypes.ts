import type {Dtype} from './tensor.js';

/**
 * Bits of one element for every type the format knows (safetensors 0.8). A header that names another one is
 * refused whole: its offsets cannot be checked.
 */
export const bitsOf: Readonly<Record<string, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2: 8,
  F8_E5M2FNUZ: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

export const readable: readonly Dtype[] = ['F32', 'F16', 'BF16', 'F64', 'F8_E4M3', 'F8_E5M2', 'I64'];

export function isReadable(dtype: string): dtype is Dtype {
  return (readable as readonly string[]).includes(dtype);
}
