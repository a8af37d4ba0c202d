import {join} from 'node:path';
import {readJson, type JsonObject} from './json-file.js';
import {fileInside} from './links.js';
import {openSafetensors} from './open-safetensors.js';
import {openShards} from './open-shards.js';
import {findPickled, pickledRefusal} from './pickled.js';
import {preprocessorOf, type Preprocessor} from './preprocessor.js';
import {badWeights, type TensorSource} from './tensor.js';

/** A `config.json`, as it stands. */
export type HfConfig = JsonObject;

/** A model as Hugging Face keeps it on disk. Close its tensors when done. */
export interface ModelFolder {
  readonly folder: string;
  readonly config: HfConfig;
  readonly preprocessor: Preprocessor;
  readonly tensors: TensorSource;
}

/**
 * Opens a model folder: `config.json`, weights in one file or in shards, `preprocessor_config.json` or what
 * transformers would do without one. Headers are checked, tensors are not read yet.
 * @throws InvarianceError `bad_weights` for a folder that is missing, half-written or damaged, with what to do
 */
export async function openModelFolder(folder: string): Promise<ModelFolder> {
  const tensors = await openTensors(folder);
  try {
    const config = await readInside(folder, 'config.json');
    if (config === undefined)
      throw badWeights(
        folder,
        'has weights but no config.json: half-written; wait, or copy it from the base model',
      );
    const path = join(folder, 'preprocessor_config.json');
    const preprocessor = preprocessorOf(await readInside(folder, 'preprocessor_config.json'), config, path);
    return {folder, config, preprocessor, tensors};
  } catch (error) {
    await tensors.close();
    throw error;
  }
}

async function openTensors(folder: string): Promise<TensorSource> {
  const single = await fileInside(folder, 'model.safetensors');
  if (single !== undefined) return openSafetensors(single);
  const index = await readInside(folder, 'model.safetensors.index.json');
  if (index !== undefined) return openShards(folder, index, join(folder, 'model.safetensors.index.json'));
  const pickled = await findPickled(folder);
  if (pickled !== undefined) throw pickledRefusal(pickled);
  throw badWeights(folder, 'holds no model.safetensors: no model folder, or half-written; check the path');
}

async function readInside(folder: string, name: string): Promise<JsonObject | undefined> {
  const path = await fileInside(folder, name);
  return path === undefined ? undefined : readJson(path);
}
