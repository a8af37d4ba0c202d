import {InvarianceError} from '../../errors.js';

/** What is read; a tensor of any other type is refused by name when it is asked for. */
export type Dtype = FloatDtype | 'I64';

type FloatDtype = 'F64' | 'F32' | NarrowDtype;

/** Floats of less than 32 bits. */
export type NarrowDtype = 'F16' | 'BF16' | 'F8_E4M3' | 'F8_E5M2';

/** One tensor in PyTorch's layout, row-major. `dtype` is the type on disk: all floats come as float32. */
export type Tensor =
  | {readonly dtype: FloatDtype; readonly shape: readonly number[]; readonly data: Float32Array}
  | {readonly dtype: 'I64'; readonly shape: readonly number[]; readonly data: BigInt64Array};

/** What a file says of a tensor without reading it. `bytes` is its size on disk. */
export interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/**
 * Named tensors, read one at a time: a file, the shards of a model, a base with an adapter merged in.
 * `info` and `read` throw `bad_weights` for a name that is not there.
 */
export interface TensorSource {
  names(): readonly string[];
  has(name: string): boolean;
  info(name: string): TensorInfo;
  read(name: string): Promise<Tensor>;
  close(): Promise<void>;
}

/** Numbers in a tensor of this shape; 1 for a scalar. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Every refusal of weights names the file first. */
export function badWeights(path: string, message: string, cause?: unknown): InvarianceError {
  return new InvarianceError('bad_weights', `${path}: ${message}`, {cause});
}
