import type {AdapterConfig} from './adapter-config.js';
import type {Parts} from './adapter-kind.js';
import {adapterParts} from './adapter-parts.js';
import {findInBase} from './module-names.js';
import type {SafetensorsFile} from '../safetensors/open-safetensors.js';
import {badWeights, type TensorSource} from '../safetensors/tensor.js';

interface Merging {
  readonly base: TensorSource;
  readonly adapter: SafetensorsFile;
  readonly config: AdapterConfig;
}

/** What becomes of one of the base's tensors. */
type Change = (data: Float32Array) => Promise<Float32Array>;

/**
 * The base's tensors with an adapter merged in, as PEFT's `merge_and_unload` does, each when it is read. An update of a
 * new classifier is left out. Whole tensors that the adapter brings (`modules_to_save`, biases) take the place of the
 * base's; a new head is added. Whatever does not fit is found here, before any read.
 * @throws InvarianceError `bad_weights`, with tensor and shapes, for an adapter of another base
 */
export function mergeAdapter(merging: Merging): TensorSource {
  const {base, adapter} = merging;
  const {updates, brought} = adapterParts(adapter, base);
  for (const [name, key] of brought) checkBrought(merging, name, key);
  const changes = new Map([...updates].flatMap(([module, parts]) => changesOf(merging, module, parts)));
  return {
    names: () => [...new Set([...base.names(), ...brought.keys()])],
    has: name => base.has(name) || brought.has(name),
    info: name => (brought.has(name) ? adapter.info(brought.get(name)!) : base.info(name)),
    async read(name) {
      const key = brought.get(name);
      const tensor = await (key === undefined ? base.read(name) : adapter.read(key));
      const change = changes.get(name);
      if (change === undefined || tensor.dtype === 'I64') return tensor;
      return {dtype: 'F32', shape: tensor.shape, data: await change(tensor.data)};
    },
    async close() {
      await Promise.all([adapter.close(), base.close()]);
    },
  };
}

/** A new head may have another number of classes, its first size; anything else has the base's shape. */
function checkBrought(merging: Merging, name: string, key: string): void {
  if (!merging.base.has(name)) return;
  const [ours, theirs] = [merging.adapter.info(key).shape, merging.base.info(name).shape];
  if (ours.length !== theirs.length || ours.slice(1).some((size, i) => size !== theirs[i + 1]))
    throw otherBase(merging, name, `"${key}" is [${ours.join(', ')}]`);
}

/** Where transformers and timm put a classifier: outside of every block. */
const HEAD = /^(?:[\w]+\.)*(classifier|cls_classifier|distillation_classifier|head|head_dist|heads|fc)$/;

/** What one update does to a weight and, where it has one, to a bias. Its shapes are checked against the base's. */
function changesOf(merging: Merging, module: string, parts: Parts): [string, Change][] {
  const {base, adapter, config} = merging;
  const {path} = adapter;
  const plan = config.plan(module, parts);
  const fits = (shape: readonly number[], from = 0) =>
    shape.length === plan.shape.length &&
    shape.every((size, i) => i < from || plan.shape[i] === null || plan.shape[i] === size);
  const weight = findInBase(`${module}.weight`, base, path);
  const shape = weight === undefined ? [] : base.info(weight).shape;
  const isNewHead = weight === undefined || (!fits(shape) && fits(shape, 1));
  // A new classifier's own weights are in no file, and no layer that is measured depends on them.
  if (isNewHead && HEAD.test(module)) return [];
  if (weight === undefined)
    throw badWeights(
      path,
      `is an adapter for another base: it changes ${module}, of which the base has no weight; ${rightBase(config)}`,
    );
  if (!fits(shape)) {
    const sizes = plan.shape.map(size => size ?? 'any').join(', ');
    throw otherBase(merging, weight, `${plan.from} is [${sizes}]`);
  }
  const read = (part: string) => floats(adapter, parts.get(part)!.key);
  const changes: [string, Change][] = [[weight, data => plan.weight(data, read)]];
  const {bias} = plan;
  if (bias === undefined) return changes;
  const name = findInBase(`${module}.bias`, base, path);
  if (name !== undefined && base.info(name).shape.join() === `${shape[0]}`)
    return [...changes, [name, data => bias(data, read)]];
  if (plan.needsBias)
    throw badWeights(path, `has a bias for ${module} that the base's does not fit; ${rightBase(config)}`);
  return changes;
}

async function floats(adapter: SafetensorsFile, key: string): Promise<Float32Array> {
  const {dtype, data} = await adapter.read(key);
  if (dtype === 'I64') throw badWeights(adapter.path, `tensor "${key}" is I64; expected a float type`);
  return data;
}

function otherBase({base, adapter, config}: Merging, name: string, ours: string): Error {
  const shape = base.info(name).shape.join(', ');
  return badWeights(
    adapter.path,
    `is an adapter for another base: tensor "${name}" is [${shape}] there, but ${ours}; ${rightBase(config)}`,
  );
}

function rightBase({base}: AdapterConfig): string {
  return `name the model it was trained on${base === undefined ? '' : `, ${base},`} as base`;
}
