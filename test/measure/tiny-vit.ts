import {copyFile, mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {openSafetensors, writeSafetensors, type WritableTensor} from '../../src/models/index.js';
import {seededRandom} from '../../src/random.js';

/** A ViT of three blocks of width 16 on 12 px images, as a Hugging Face folder. */
export const tinyVit = 'test/fixtures/tfjs-vit';

/** A copy of it in `folder`, with `change` applied to each tensor's values. */
export async function tinyVariant(
  folder: string,
  change: (name: string, data: Float32Array) => Float32Array,
): Promise<string> {
  await mkdir(folder, {recursive: true});
  for (const name of ['config.json', 'preprocessor_config.json'])
    await copyFile(join(tinyVit, name), join(folder, name));
  const file = await openSafetensors(join(tinyVit, 'model.safetensors'));
  const tensors = new Map<string, WritableTensor>();
  for (const name of file.names()) {
    const {shape, data} = await file.read(name);
    tensors.set(name, {shape, data: change(name, data as Float32Array)});
  }
  await file.close();
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return folder;
}

/** Adds normal noise of deviation `amount` to every weight of block `from` and deeper. */
export function finetuned(amount: number, from = 0): (name: string, data: Float32Array) => Float32Array {
  return (name, data) => {
    const block = Number(/layer\.(\d+)\./.exec(name)?.[1] ?? -1);
    const random = seededRandom(name.length + block);
    return block < from ? data : data.map(value => value + amount * random.normal());
  };
}

/** Twelve random images that fit, as a tensor file. */
export async function tinyProbes(path: string, {count = 12, seed = 3} = {}): Promise<string> {
  const random = seededRandom(seed);
  const data = Float32Array.from({length: count * 3 * 12 * 12}, () => random.uniform());
  await writeSafetensors(path, new Map([['images', {shape: [count, 3, 12, 12], data}]]));
  return `${path}:images`;
}
