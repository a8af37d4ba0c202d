import type {AdapterConfig} from './adapter-config.js';
import {addLowRank} from './low-rank.js';
import {findInBase} from './module-names.js';
import type {SafetensorsFile} from './open-safetensors.js';
import {badWeights, elementsOf, type Tensor, type TensorSource} from './tensor.js';

/** Where an adapter's file keeps the parts of one low-rank update. */
interface Parts {
  a?: string;
  b?: string;
  bias?: string;
  magnitude?: string;
}

type Merge = (base: Tensor & {dtype: 'F32' | 'F16' | 'BF16'}) => Promise<Float32Array>;

const PART: readonly [keyof Parts, RegExp][] = [
  ['a', /\.lora_A\.weight$/],
  ['b', /\.lora_B\.weight$/],
  ['bias', /\.lora_B\.bias$/],
  ['magnitude', /\.lora_magnitude_vector(\.weight)?$/],
];

/**
 * The base's tensors with a LoRA, rsLoRA or DoRA adapter merged in, as PEFT's `merge_and_unload` does, each when it
 * is read. Whole tensors that the adapter brings (`modules_to_save`, biases) take the place of the base's; a new
 * head is added. Everything that does not fit is found here, before any read.
 * @throws InvarianceError `bad_weights`, with tensor and shapes, for an adapter of another base
 */
export function mergeAdapter(
  base: TensorSource,
  adapter: SafetensorsFile,
  config: AdapterConfig,
): TensorSource {
  const {path} = adapter;
  const modules = new Map<string, Parts>();
  const brought = new Map<string, string>();
  const merges = new Map<string, Merge>();

  for (const key of adapter.names()) {
    const name = key.replace(/^base_model\.model\./, '').replace(/\.(base_layer|modules_to_save)(?=\.)/g, '');
    const part = PART.find(([, pattern]) => pattern.test(name));
    if (part !== undefined) {
      const module = name.replace(part[1], '');
      modules.set(module, {...modules.get(module), [part[0]]: key});
    } else if (name.includes('.lora_')) {
      throw badWeights(path, `tensor "${key}" belongs to no Linear or convolution; merge it in Python`);
    } else {
      brought.set(findInBase(name, base, path) ?? name, key);
    }
  }
  for (const [name, key] of brought) checkBrought(name, key);
  for (const [module, parts] of modules) addMerges(module, parts);

  function checkBrought(name: string, key: string): void {
    if (!base.has(name)) return;
    const [ours, theirs] = [adapter.info(key).shape, base.info(name).shape];
    // A new head has another number of classes, its first size.
    if (ours.length !== theirs.length || ours.slice(1).some((size, i) => size !== theirs[i + 1]))
      throw otherBase(name, theirs, `"${key}" is [${ours.join(', ')}]`);
  }

  function otherBase(name: string, shape: readonly number[], ours: string): Error {
    const trained = config.base === undefined ? '' : ` (it was trained on ${config.base})`;
    return badWeights(
      path,
      `is an adapter for another base: tensor "${name}" is [${shape.join(', ')}] there, but ${ours}; ` +
        `name the model it was trained on as the base${trained}`,
    );
  }

  function addMerges(module: string, {a, b, bias, magnitude}: Parts): void {
    if (a === undefined || b === undefined)
      throw badWeights(path, `has only one of lora_A and lora_B for ${module}: damaged; copy it again`);
    if (config.dora !== (magnitude !== undefined))
      throw badWeights(path, `${config.dora ? 'has no' : 'has a'} lora_magnitude_vector for ${module}, but its config says use_dora ${config.dora}; copy both again`); // prettier-ignore
    const weight = findInBase(`${module}.weight`, base, path);
    if (weight === undefined)
      throw badWeights(
        path,
        `is an adapter for another base: it changes ${module}, of which the base has no weight` +
          (config.base === undefined ? '' : `; it was trained on ${config.base}`),
      );
    const shape = base.info(weight).shape;
    const transposed = config.fanInFanOut && shape.length === 2;
    const [rank = 0, ...into] = adapter.info(a).shape;
    const [out = 0, between] = adapter.info(b).shape;
    const promised = transposed ? [...into, out] : [out, ...into];
    if (between !== rank || promised.join() !== shape.join())
      throw otherBase(weight, shape, `lora_B · lora_A is [${promised.join(', ')}]`);
    if (magnitude !== undefined && elementsOf(adapter.info(magnitude).shape) !== out)
      throw otherBase(weight, shape, `"${magnitude}" is [${adapter.info(magnitude).shape.join(', ')}]`);
    const scaling = config.scaling(module, rank);
    const width = elementsOf(into);

    merges.set(weight, async ({data}) =>
      addLowRank({
        weight: {rows: transposed ? width : out, columns: transposed ? out : width, data},
        transposed,
        a: {rows: rank, columns: width, data: await floats(a)},
        b: {rows: out, columns: rank, data: await floats(b)},
        scaling,
        magnitude: magnitude === undefined ? undefined : await floats(magnitude),
      }),
    );
    if (bias === undefined) return;
    const name = findInBase(`${module}.bias`, base, path);
    if (name === undefined) throw badWeights(path, `has a bias for ${module}, of which the base has none`);
    merges.set(name, async ({data}) => {
      const added = await floats(bias);
      return data.map((value, i) => value + scaling * added[i]!);
    });
  }

  async function floats(key: string): Promise<Float32Array> {
    const {dtype, data} = await adapter.read(key);
    if (dtype === 'I64') throw badWeights(path, `tensor "${key}" is I64; expected a float type`);
    return data;
  }

  return {
    names: () => [...new Set([...base.names(), ...brought.keys()])],
    has: name => base.has(name) || brought.has(name),
    info: name => (brought.has(name) ? adapter.info(brought.get(name)!) : base.info(name)),
    async read(name) {
      const key = brought.get(name);
      const tensor = await (key === undefined ? base.read(name) : adapter.read(key));
      const merge = merges.get(name);
      if (merge === undefined || tensor.dtype === 'I64') return tensor;
      return {dtype: 'F32', shape: tensor.shape, data: await merge(tensor)};
    },
    async close() {
      await Promise.all([adapter.close(), base.close()]);
    },
  };
}
