import {badWeights, type TensorSource} from '../safetensors/tensor.js';

/** Names inside a block that transformers 5 uses in memory, and those that it and its forerunners write to disk. */
const renamed: Readonly<Record<string, string>> = {
  'attention.q_proj': 'attention.attention.query',
  'attention.k_proj': 'attention.attention.key',
  'attention.v_proj': 'attention.attention.value',
  'attention.o_proj': 'attention.output.dense',
  'intermediate.dense': 'mlp.fc1',
  'output.dense': 'mlp.fc2',
};

const BLOCK = /^(?:.*\.)?(?:encoder\.)?(?:layers?|blocks)\.(\d+)\.(.+)\.(weight|bias)$/;

/** One spelling for a parameter of a block, whatever model it is wrapped into; undefined outside of blocks. */
function blockName(name: string): string | undefined {
  const match = BLOCK.exec(name);
  if (match === null) return undefined;
  const [, block, inner, kind] = match;
  return `${block}.${renamed[inner!] ?? inner}.${kind}`;
}

/**
 * Finds what an adapter calls `name` among the tensors of its base: by that very name, by the other spelling of
 * transformers 4 and 5, or with a prefix (`vit.`, `model.`) more or less. Undefined where the base has none.
 * @throws InvarianceError `bad_weights` where several fit
 */
export function findInBase(name: string, base: TensorSource, path: string): string | undefined {
  if (base.has(name)) return name;
  const block = blockName(name);
  const fits =
    block === undefined
      ? (other: string) => other.endsWith(`.${name}`) || name.endsWith(`.${other}`)
      : (other: string) => blockName(other) === block;
  const found = base.names().filter(other => !other.startsWith('text_model.') && fits(other));
  if (found.length > 1) throw badWeights(path, `"${name}" could be each of ${found.join(', ')} of its base`);
  return found[0];
}
