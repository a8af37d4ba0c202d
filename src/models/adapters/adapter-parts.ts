import {findInBase} from './module-names.js';
import type {Part, Parts} from './adapter-kind.js';
import type {SafetensorsFile} from '../safetensors/open-safetensors.js';
import {badWeights, type TensorSource} from '../safetensors/tensor.js';

export interface AdapterParts {
  /** By module: the tensors that say how it changes. */
  readonly updates: ReadonlyMap<string, Parts>;
  /** By the base's name of a tensor, or a new one: what takes its place. */
  readonly brought: ReadonlyMap<string, string>;
}

const PART =
  /^(.*)\.(lora_[ABE]|lora_magnitude_vector|ia3_l|hada_w[12]_[ab]|hada_t[12]|lokr_w[12](?:_[ab])?|lokr_t2|oft_R)(\.weight|\.bias)?$/;

/**
 * Sorts the tensors of `adapter_model.safetensors` by what they are for: `MODULE.lora_A.weight` and its like are parts
 * of updates, everything else (`modules_to_save`, trained biases) is whole.
 * @throws InvarianceError `bad_weights`
 */
export function adapterParts(adapter: SafetensorsFile, base: TensorSource): AdapterParts {
  const {path} = adapter;
  const updates = new Map<string, Map<string, Part>>();
  const brought = new Map<string, string>();
  for (const key of adapter.names()) {
    const name = key.replace(/^base_model\.model\./, '').replace(/\.(base_layer|modules_to_save)(?=\.)/g, '');
    const [, module, part, suffix] = PART.exec(name) ?? [];
    if (module !== undefined) {
      const parts = updates.get(module) ?? new Map<string, Part>();
      updates.set(module, parts);
      parts.set(suffix === '.bias' ? `${part}.bias` : part!, {key, shape: adapter.info(key).shape});
    } else if (/\.(lora|ia3|hada|lokr|oft)_/.test(name)) {
      throw badWeights(path, `tensor "${key}" belongs to no Linear or convolution; merge it in Python`);
    } else {
      brought.set(findInBase(name, base, path) ?? name, key);
    }
  }
  return {updates, brought};
}
