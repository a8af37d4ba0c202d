import {join} from 'node:path';
import {findModel} from './find-model.js';
import {finiteOnly} from '../safetensors/finite.js';
import {isJsonObject, type JsonObject} from './json-file.js';
import {mergeAdapter} from '../adapters/merge-adapter.js';
import {jsonInside, openOwnWeights, type OwnWeights} from './open-own-weights.js';
import {preprocessorOf, type Preprocessor} from './preprocessor.js';
import {badWeights, type TensorSource} from '../safetensors/tensor.js';

/** A `config.json`, as it stands. */
export type HfConfig = JsonObject;

/** A model as Hugging Face keeps it on disk. Close its tensors when done. */
export interface ModelFolder {
  readonly folder: string;
  readonly config: HfConfig;
  readonly preprocessor: Preprocessor;
  /** A tensor that holds NaN or an infinity is refused when it is read. */
  readonly tensors: TensorSource;
}

export interface OpenModelOptions {
  /**
   * The pretrained model's folder. Gives what a checkpoint leaves out: the weights under an adapter, `config.json`,
   * `preprocessor_config.json`. Default: what an adapter names as its base, where that is a folder or in the cache.
   */
  readonly base?: string | undefined;
  /** The adapter that is meant where a checkpoint holds several, as PEFT names them. Default its own, or the only one. */
  readonly adapter?: string | undefined;
}

/**
 * Opens a model: a folder with `config.json` and weights in one file or in shards; an adapter (PEFT), merged onto
 * its base; or a lone `.safetensors` file. Headers and shapes are checked, tensors are not read yet.
 * @throws InvarianceError `bad_weights` for a model that is missing, half-written or damaged, with what to do
 */
export async function openModelFolder(
  path: string,
  {base, adapter}: OpenModelOptions = {},
): Promise<ModelFolder> {
  const own = await openOwnWeights(path, adapter);
  let below: ModelFolder | undefined;
  try {
    const config = own.kind === 'adapter' ? undefined : await jsonInside(path, 'config.json');
    const {processing, from} = await processingInside(path);
    if (config === undefined || processing === undefined) below = await openBase(path, own, base);
    const description = config ?? below?.config;
    if (description === undefined)
      throw badWeights(path, 'has no config.json: half-written; wait, or name the pretrained model as base');
    const preprocessor =
      processing === undefined && below !== undefined
        ? below.preprocessor
        : preprocessorOf(processing, description, from);
    const tensors =
      own.kind === 'adapter'
        ? mergeAdapter({base: below!.tensors, adapter: own.tensors, config: own.config})
        : own.tensors;
    if (own.kind === 'model') await below?.tensors.close();
    return {folder: path, config: description, preprocessor, tensors: finiteOnly(tensors, path)};
  } catch (error) {
    await Promise.all([own.tensors.close(), below?.tensors.close()]);
    throw error;
  }
}

/** What transformers reads: the image processor inside `processor_config.json`, else `preprocessor_config.json`. */
async function processingInside(path: string): Promise<{processing: JsonObject | undefined; from: string}> {
  const whole = await jsonInside(path, 'processor_config.json');
  const inside = whole?.['image_processor'];
  if (isJsonObject(inside)) return {processing: inside, from: join(path, 'processor_config.json')};
  const name = 'preprocessor_config.json';
  return {processing: await jsonInside(path, name), from: join(path, name)};
}

/** The model that fills a checkpoint's gaps; only an adapter cannot do without. */
async function openBase(
  path: string,
  own: OwnWeights,
  base: string | undefined,
): Promise<ModelFolder | undefined> {
  if (own.kind === 'model') return base === undefined || base === path ? undefined : openModelFolder(base);
  const name = base ?? own.config.base;
  if (name === undefined)
    throw badWeights(path, 'is an adapter that names no base; name the pretrained model as base');
  const folder = await findModel({model: name});
  if (folder !== undefined) return openModelFolder(folder);
  throw badWeights(
    path,
    `is an adapter of ${name}, which is neither a folder nor in the cache; name its folder as base`,
  );
}
