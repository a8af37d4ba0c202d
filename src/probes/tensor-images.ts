import {openSafetensors} from '../models/index.js';
import {InvarianceError} from '../errors.js';
import type {Images} from '../types.js';

/** `FILE.safetensors` or `FILE.safetensors:key`; null for any other text. */
export function tensorFileOf(source: string): {path: string; key: string | null} | null {
  const match = /^(.*\.safetensors)(?::(.+))?$/.exec(source);
  return match && {path: match[1]!, key: match[2] ?? null};
}

/**
 * Images from a tensor file: [n, C, H, W] floats, NCHW.
 *
 * @param key default: the only tensor of the file.
 * @throws InvarianceError `bad_probes` for a wrong key, rank or type, or values that are not finite.
 */
export async function readTensorImages(path: string, key: string | null): Promise<Images> {
  const file = await openSafetensors(path);
  try {
    const names = file.names();
    const name = key ?? (names.length === 1 ? names[0]! : null);
    const refuse = (message: string) => new InvarianceError('bad_probes', `${path}: ${message}`);
    if (name === null) throw refuse(`holds several tensors; name one: ${path}:${names.join(' or :')}`);
    if (!file.has(name)) throw refuse(`holds no tensor ${name}; it holds ${names.join(', ')}`);
    const {shape, dtype, data} = await file.read(name);
    const [count, channels, height, width] = shape as [number, number, number, number];
    if (shape.length !== 4)
      throw refuse(`${name} has shape [${shape.join(', ')}]; images are [n, channels, height, width]`);
    if (dtype === 'I64') throw refuse(`${name} is ${dtype}; images are F32, F16 or BF16`);
    if (!data.every(Number.isFinite)) throw refuse(`${name} holds values that are not finite`);
    return {count, channels, height, width, data};
  } finally {
    await file.close();
  }
}
