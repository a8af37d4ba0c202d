import {open, type FileHandle} from 'node:fs/promises';
import {messageOf} from '../../errors.js';
import {isReadable, readable} from './dtypes.js';
import {headerLength, parseHeader, PREFIX_BYTES, type TensorEntry} from './safetensors-header.js';
import {badWeights, elementsOf, type Tensor, type TensorSource} from './tensor.js';
import {widen} from './widen.js';

/** Most bytes of one read call: the system takes no more than 2 GiB at once. */
const READ_BYTES = 2 ** 30;

/** An open safetensors file. Holds one file handle and its header; tensors are read when asked for. */
export interface SafetensorsFile extends TensorSource {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Opens a safetensors file and checks its whole header. A tensor is then read straight into the array that is
 * returned, and narrower floats are widened inside it: reading one costs 4 bytes an element and nothing else (12 where it is
 * of float64).
 * A file that is deleted or replaced while open stays readable.
 * @throws InvarianceError `bad_weights`, naming file, tensor and remedy
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await open(path).catch((error: unknown) => {
    throw badWeights(
      path,
      `cannot be opened (${messageOf(error)}); check the path and its permissions`,
      error,
    );
  });
  try {
    const {size} = await file.stat();
    const prefix = await readBytes(file, {begin: 0, end: Math.min(PREFIX_BYTES, size)}, path);
    const end = PREFIX_BYTES + headerLength(prefix, size, path);
    const {metadata, tensors} = parseHeader(
      await readBytes(file, {begin: PREFIX_BYTES, end}, path),
      size,
      path,
    );
    const info = (name: string) => {
      const entry = tensors.get(name);
      if (entry === undefined)
        throw badWeights(path, `holds no tensor "${name}"; it holds ${listed([...tensors.keys()])}`);
      return entry;
    };
    return {
      path,
      metadata,
      names: () => [...tensors.keys()],
      has: name => tensors.has(name),
      info,
      read: name => readTensor(file, name, info(name), path),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Names in a message before "and N more". */
const LISTED = 5;

function listed(names: readonly string[]): string {
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
  return (names.slice(0, LISTED).join(', ') || 'none') + more;
}

async function readTensor(file: FileHandle, name: string, entry: TensorEntry, path: string): Promise<Tensor> {
  const {dtype, shape} = entry;
  if (!isReadable(dtype))
    throw badWeights(
      path,
      `tensor "${name}" is ${dtype}; only ${readable.join(', ')} are read: write it as F32`,
    );
  const count = elementsOf(shape);
  if (dtype === 'I64') {
    const {buffer} = await readBytes(file, entry, path);
    return {dtype, shape, data: new BigInt64Array(buffer)};
  }
  if (dtype === 'F64') {
    const {buffer} = await readBytes(file, entry, path);
    return {dtype, shape, data: Float32Array.from(new Float64Array(buffer))};
  }
  const buffer = new ArrayBuffer(4 * count);
  await readInto(file, new Uint8Array(buffer, 4 * count - entry.bytes), entry.begin, path);
  return {dtype, shape, data: dtype === 'F32' ? new Float32Array(buffer) : widen(buffer, count, dtype)};
}

async function readBytes(
  file: FileHandle,
  {begin, end}: {begin: number; end: number},
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - begin);
  await readInto(file, bytes, begin, path);
  return bytes;
}

async function readInto(file: FileHandle, bytes: Uint8Array, begin: number, path: string): Promise<void> {
  let filled = 0;
  while (filled < bytes.byteLength) {
    const length = Math.min(READ_BYTES, bytes.byteLength - filled);
    const {bytesRead} = await file.read(bytes, filled, length, begin + filled);
    if (bytesRead === 0)
      throw badWeights(
        path,
        `ends at byte ${begin + filled}: it was cut short while being read; read it again`,
      );
    filled += bytesRead;
  }
}
