import {InvarianceError} from '../../errors.js';
import {replaceFile} from '../../disk/index.js';
import {elementsOf} from './tensor.js';

/** A tensor to be written. */
export interface WritableTensor {
  /** Sizes of its axes, outermost first. */
  readonly shape: readonly number[];
  /** Row-major; written as F32 or I64. */
  readonly data: Float32Array | BigInt64Array;
}

/** What Python's transformers asks of a file before it loads it. */
const METADATA: Readonly<Record<string, string>> = {format: 'pt'};

/** The header is padded to this many bytes, so that every tensor lies aligned. */
const ALIGNMENT = 8;

/**
 * Writes a safetensors file atomically: a reader sees the old file or the new one, never half of one.
 * Tensors keep the map's order, integers before floats (as alignment asks).
 * @param metadata default `{format: 'pt'}`, which transformers expects
 * @throws InvarianceError `bad_option` where data does not fill its shape; `io_failed` where it cannot be written
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>> = METADATA,
): Promise<void> {
  const ordered = [...tensors].sort(([, a], [, b]) => width(b) - width(a));
  const header = headerOf(ordered, metadata, path);
  await replaceFile(path, async file => {
    await file.writeFile(header);
    for (const [, {data}] of ordered)
      if (data.byteLength > 0)
        await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
}

function width(tensor: WritableTensor): number {
  return tensor.data.BYTES_PER_ELEMENT;
}

function headerOf(
  tensors: readonly (readonly [string, WritableTensor])[],
  metadata: Readonly<Record<string, string>>,
  path: string,
): Buffer {
  let end = 0;
  const entries = tensors.map(([name, {shape, data}]) => {
    const refuse = (message: string) =>
      new InvarianceError('bad_option', `cannot write ${path}: tensor "${name}" ${message}`);
    if (name === '__metadata__')
      throw refuse('has the name that the format keeps for itself; choose another');
    if (data.length !== elementsOf(shape))
      throw refuse(`has ${data.length} values for the shape [${shape.join(', ')}]; pass a shape that fits`);
    const begin = end;
    end += data.byteLength;
    return [name, {dtype: data instanceof Float32Array ? 'F32' : 'I64', shape, data_offsets: [begin, end]}];
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries([['__metadata__', metadata], ...entries])));
  const length = Math.ceil(json.byteLength / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(8 + length, ' ');
  header.writeBigUInt64LE(BigInt(length));
  json.copy(header, 8);
  return header;
}
