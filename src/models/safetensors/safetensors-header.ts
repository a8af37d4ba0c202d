import {messageOf} from '../../errors.js';
import {bitsOf} from './dtypes.js';
import {duplicateKey} from './duplicate-key.js';
import {badWeights, elementsOf, type TensorInfo} from './tensor.js';

/** The format's own limit on a header: 100 MB, some million tensors. */
const HEADER_LIMIT = 100_000_000;

/** Bytes before the header: its length as an unsigned 64-bit little-endian integer. */
export const PREFIX_BYTES = 8;

/** A tensor's bytes are [begin, end) of the file. */
export interface TensorEntry extends TensorInfo {
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

const REWRITE = 'the file is damaged or was not written by safetensors; write or copy it again';

/**
 * Checks the length that a file promises for its header against the size it has.
 * @throws InvarianceError `bad_weights`
 */
export function headerLength(prefix: Uint8Array, fileSize: number, path: string): number {
  if (fileSize < PREFIX_BYTES)
    throw badWeights(path, `has ${fileSize} bytes, too few for a safetensors file: ${TRUNCATED}`);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > HEADER_LIMIT)
    throw badWeights(path, `promises a header of ${length} bytes (at most ${HEADER_LIMIT}); ${REWRITE}`);
  if (length < 2n) throw badWeights(path, `promises a header of ${length} bytes; ${REWRITE}`);
  if (PREFIX_BYTES + Number(length) > fileSize)
    throw badWeights(path, `promises a header of ${length} bytes but has ${fileSize} in all: ${TRUNCATED}`);
  return Number(length);
}

const TRUNCATED = 'half-written or cut short; wait until it is written, or copy it again';

/**
 * Reads a safetensors header and checks all of it: JSON without duplicate keys, known dtypes, sizes that match
 * shape × dtype, offsets that cover the file without overlap, hole or overrun.
 * Format: https://huggingface.co/docs/safetensors
 * @throws InvarianceError `bad_weights`, naming file, tensor and remedy
 */
export function parseHeader(bytes: Uint8Array, fileSize: number, path: string): SafetensorsHeader {
  const json = decode(bytes, path);
  const start = PREFIX_BYTES + bytes.byteLength;
  let metadata: Record<string, string> = {};
  const tensors = new Map<string, TensorEntry>();
  for (const [name, entry] of Object.entries(json)) {
    if (name === '__metadata__') metadata = metadataOf(entry, path);
    else tensors.set(name, entryOf(name, entry, start, path));
  }
  checkCoverage(tensors, start, fileSize, path);
  return {metadata, tensors};
}

function decode(bytes: Uint8Array, path: string): Record<string, unknown> {
  let json: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
    json = JSON.parse(text);
  } catch (error) {
    throw badWeights(path, `header is not JSON (${messageOf(error)}); ${REWRITE}`, error);
  }
  if (!isObject(json) || !text.startsWith('{'))
    throw badWeights(path, `header is not a JSON object; ${REWRITE}`);
  const twice = duplicateKey(text);
  if (twice !== undefined) throw badWeights(path, `header holds the key "${twice}" twice; ${REWRITE}`);
  return json;
}

function metadataOf(value: unknown, path: string): Record<string, string> {
  if (isObject(value) && Object.values(value).every(text => typeof text === 'string'))
    return value as Record<string, string>;
  throw badWeights(path, `__metadata__ is not a map of strings; ${REWRITE}`);
}

function entryOf(name: string, value: unknown, start: number, path: string): TensorEntry {
  const refuse = (message: string) => badWeights(path, `tensor "${name}" ${message}`);
  if (!isObject(value)) throw refuse(`is described by ${JSON.stringify(value)}, no object; ${REWRITE}`);
  const {dtype, shape, data_offsets: offsets} = value;
  const bits = typeof dtype === 'string' && Object.hasOwn(bitsOf, dtype) ? bitsOf[dtype] : undefined;
  if (bits === undefined)
    throw refuse(`has the unknown dtype ${JSON.stringify(dtype)}; write it as F32, F16 or BF16`);
  if (!isSizes(shape)) throw refuse(`has the shape ${JSON.stringify(shape)}; ${REWRITE}`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    throw refuse(`has the offsets ${JSON.stringify(offsets)}; ${REWRITE}`);
  const [begin, end] = offsets as [number, number];
  const bytes = (elementsOf(shape) * bits) / 8;
  if (!Number.isSafeInteger(bytes) || bytes !== end - begin)
    throw refuse(
      `holds ${end - begin} bytes, but ${dtype as string} [${shape.join(', ')}] takes ${bytes}; ${REWRITE}`,
    );
  return {dtype: dtype as string, shape, bytes, begin: start + begin, end: start + end};
}

function checkCoverage(
  tensors: ReadonlyMap<string, TensorEntry>,
  start: number,
  fileSize: number,
  path: string,
): void {
  let covered = start;
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, {begin, end}] of inOrder) {
    if (begin < covered)
      throw badWeights(
        path,
        `tensor "${name}" overlaps the one before it by ${covered - begin} bytes; ${REWRITE}`,
      );
    if (begin > covered)
      throw badWeights(path, `a hole of ${begin - covered} bytes lies before tensor "${name}"; ${REWRITE}`);
    if (end > fileSize)
      throw badWeights(
        path,
        `tensor "${name}" ends at byte ${end} but the file has ${fileSize}: ${TRUNCATED}`,
      );
    covered = end;
  }
  if (covered < fileSize)
    throw badWeights(path, `${fileSize - covered} bytes follow the last tensor; ${REWRITE}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(size => Number.isSafeInteger(size) && size >= 0);
}
