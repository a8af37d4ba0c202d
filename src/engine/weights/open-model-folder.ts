import {stat} from 'node:fs/promises';
import {join} from 'node:path';
import {adapterConfigOf} from './adapter-config.js';
import {findModel} from './find-model.js';
import {finiteOnly} from './finite.js';
import {readJson, type JsonObject} from './json-file.js';
import {fileInside} from './links.js';
import {mergeAdapter} from './merge-adapter.js';
import {openSafetensors} from './open-safetensors.js';
import {openShards} from './open-shards.js';
import {findPickled, isPickled, pickledRefusal} from './pickled.js';
import {preprocessorOf, type Preprocessor} from './preprocessor.js';
import {badWeights, type TensorSource} from './tensor.js';

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
   * Folder of the pretrained model. Gives what a checkpoint leaves out: the weights under an adapter,
   * `config.json`, `preprocessor_config.json`. Default: what an adapter names as its base.
   */
  readonly base?: string;
}

/**
 * Opens a model: a folder with `config.json` and weights in one file or in shards; an adapter (PEFT), merged onto
 * its base; or a lone `.safetensors` file. Headers and shapes are checked, tensors are not read yet.
 * @throws InvarianceError `bad_weights` for a model that is missing, half-written or damaged, with what to do
 */
export async function openModelFolder(path: string, {base}: OpenModelOptions = {}): Promise<ModelFolder> {
  const held: {close(): Promise<void>}[] = [];
  const keep = <T extends {close(): Promise<void>}>(opened: T): T => {
    held.push(opened);
    return opened;
  };
  try {
    const own = await openOwnTensors(path);
    if (own !== undefined) keep(own);
    const adapter = own === undefined ? await readInside(path, 'adapter_config.json') : undefined;
    if (own === undefined && adapter === undefined) throw await refusalOf(path);
    const adapterConfig = adapter && adapterConfigOf(adapter, join(path, 'adapter_config.json'));

    const config = own && (await readInside(path, 'config.json'));
    const json = await readInside(path, 'preprocessor_config.json');
    const below = adapterConfig
      ? await baseOf(path, base ?? adapterConfig.base)
      : config && json
        ? undefined
        : base;
    const under = below === undefined || below === path ? undefined : await openModelFolder(below);
    if (under !== undefined) keep(under.tensors);

    if (config === undefined && under === undefined)
      throw badWeights(
        path,
        'has weights but no config.json: half-written; wait, or name the pretrained model as base',
      );
    const effective = config ?? under!.config;
    const preprocessor =
      json === undefined && under !== undefined
        ? under.preprocessor
        : preprocessorOf(json, effective, join(path, 'preprocessor_config.json'));

    if (adapterConfig === undefined) {
      await under?.tensors.close();
      return {folder: path, config: effective, preprocessor, tensors: finiteOnly(own!, path)};
    }
    const file = keep(await openSafetensors((await fileInside(path, ADAPTER)) ?? join(path, ADAPTER)));
    const merged = mergeAdapter(under!.tensors, file, adapterConfig);
    return {folder: path, config: effective, preprocessor, tensors: finiteOnly(merged, path)};
  } catch (error) {
    await Promise.all(held.map(opened => opened.close()));
    throw error;
  }
}

const ADAPTER = 'adapter_model.safetensors';

/** Whole weights of a lone file or a folder; undefined where the folder has none. */
async function openOwnTensors(path: string): Promise<TensorSource | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) {
    if (isPickled(path)) throw pickledRefusal(path);
    return openSafetensors(path);
  }
  const single = await fileInside(path, 'model.safetensors');
  if (single !== undefined) return openSafetensors(single);
  const index = await readInside(path, 'model.safetensors.index.json');
  return index && openShards(path, index, join(path, 'model.safetensors.index.json'));
}

async function readInside(folder: string, name: string): Promise<JsonObject | undefined> {
  const path = await fileInside(folder, name);
  return path === undefined ? undefined : readJson(path);
}

async function baseOf(path: string, name: string | undefined): Promise<string> {
  if (name === undefined)
    throw badWeights(path, 'is an adapter that names no base; name the pretrained model as base');
  const folder = await findModel({model: name});
  if (folder !== undefined) return folder;
  throw badWeights(
    path,
    `is an adapter of ${name}, which is neither a folder nor in the cache; name its folder as base`,
  );
}

async function refusalOf(path: string): Promise<Error> {
  const pickled = await findPickled(path);
  if (pickled !== undefined) return pickledRefusal(pickled);
  return badWeights(path, 'holds no model.safetensors: no model folder, or half-written; check the path');
}
