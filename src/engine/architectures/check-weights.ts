import {InvarianceError} from '../../errors.js';
import type {Parameter} from '../contract.js';
import {firstNotFinite} from '../../models/index.js';

/** @throws InvarianceError `bad_weights` that names the tensor and both shapes */
export function checkShape(name: string, shape: readonly number[], expected: readonly number[]): void {
  if (shape.length === expected.length && shape.every((size, i) => size === expected[i])) return;
  if (shape.join() === '0')
    throw new InvarianceError(
      'bad_weights',
      `tensor ${name} is empty: ZeRO-3 of DeepSpeed saved a placeholder, and its weights lie in pieces beside it; gather ` +
        'them in the checkpoint folder: python zero_to_fp32.py . . --safe_serialization',
    );
  throw new InvarianceError(
    'bad_weights',
    `tensor ${name} has shape [${shape.join(', ')}] where [${expected.join(', ')}] is expected: ` +
      'the weights are of another architecture or size',
  );
}

/** @throws InvarianceError `bad_weights` that names the tensor and its first number that is not finite */
export function checkFinite({name, data}: Pick<Parameter, 'name' | 'data'>): void {
  const at = firstNotFinite(data);
  if (at < 0) return;
  throw new InvarianceError(
    'bad_weights',
    `tensor ${name} holds ${data[at]} at ${at}: training diverged, or the file is damaged; use an earlier checkpoint`,
  );
}
