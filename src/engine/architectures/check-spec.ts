import {InvarianceError} from '../../errors.js';
import {patchGrid, type Spec} from './spec.js';

/**
 * Refuses sizes that no model has, before a forward pass is written for them.
 * @param tensors how many the weights hold, more than there can be blocks
 * @throws InvarianceError `bad_model` that names the size
 */
export function checkSpec(spec: Spec, {tensors, folder}: {tensors: number; folder: string}): void {
  const {rows, columns} = patchGrid(spec);
  const {channels, patch, width, depth, heads, hidden, registers} = spec;
  const refuse = (message: string) => {
    throw new InvarianceError('bad_model', `the configuration of ${folder} cannot be true: ${message}`);
  };
  for (const [name, size] of Object.entries({channels, patch, width, depth, heads, hidden})) {
    if (!Number.isInteger(size) || size < 1) refuse(`${name} is ${size}`);
  }
  if (!Number.isInteger(registers) || registers < 0) refuse(`${registers} register tokens`);
  if (width % heads !== 0) refuse(`a width of ${width} does not divide into ${heads} heads`);
  if (rows < 1 || columns < 1)
    refuse(`no patch of ${patch} fits into ${spec.image.height} × ${spec.image.width}`);
  if (depth > tensors) refuse(`${depth} blocks, but only ${tensors} tensors`);
}
