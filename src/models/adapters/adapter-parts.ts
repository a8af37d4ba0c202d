import {findInBase} from './module-names.js';
import type {SafetensorsFile} from '../safetensors/open-safetensors.js';
import {badWeights, type TensorSource} from '../safetensors/tensor.js';

/** Names, in an adapter's file, of the parts of one low-rank update. */
export interface UpdateParts {
  readonly a: string;
  readonly b: string;
  readonly bias: string | undefined;
  readonly magnitude: string | undefined;
}

export interface AdapterParts {
  /** By module: what is added to its weight. */
  readonly updates: ReadonlyMap<string, UpdateParts>;
  /** By the base's name of a tensor, or a new one: what takes its place. */
  readonly brought: ReadonlyMap<string, string>;
}

const PARTS: readonly [keyof UpdateParts, RegExp][] = [
  ['a', /\.lora_A\.weight$/],
  ['b', /\.lora_B\.weight$/],
  ['bias', /\.lora_B\.bias$/],
  ['magnitude', /\.lora_magnitude_vector(\.weight)?$/],
];

/**
 * Sorts the tensors of `adapter_model.safetensors` by what they are for: `MODULE.lora_A.weight` and its like are parts
 * of updates, everything else (`modules_to_save`, trained biases) is whole.
 * @throws InvarianceError `bad_weights`
 */
export function adapterParts(adapter: SafetensorsFile, base: TensorSource): AdapterParts {
  const {path} = adapter;
  const updates = new Map<string, Partial<UpdateParts>>();
  const brought = new Map<string, string>();
  for (const key of adapter.names()) {
    const name = key.replace(/^base_model\.model\./, '').replace(/\.(base_layer|modules_to_save)(?=\.)/g, '');
    const [part, pattern] = PARTS.find(([, suffix]) => suffix.test(name)) ?? [];
    if (part !== undefined) {
      const module = name.replace(pattern!, '');
      updates.set(module, {...updates.get(module), [part]: key});
    } else if (name.includes('.lora_')) {
      throw badWeights(path, `tensor "${key}" belongs to no Linear or convolution; merge it in Python`);
    } else {
      brought.set(findInBase(name, base, path) ?? name, key);
    }
  }
  for (const [module, {a, b}] of updates)
    if (a === undefined || b === undefined)
      throw badWeights(path, `has only one of lora_A and lora_B for ${module}: damaged; copy it again`);
  return {updates: updates as Map<string, UpdateParts>, brought};
}
