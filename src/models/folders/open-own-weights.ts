import {stat} from 'node:fs/promises';
import {join} from 'node:path';
import {adapterConfigOf, type AdapterConfig} from '../adapters/adapter-config.js';
import {ADAPTER_CONFIG, adapterFolder} from '../adapters/named-adapters.js';
import {readJson, type JsonObject} from './json-file.js';
import {fileInside} from './links.js';
import {openSafetensors, type SafetensorsFile} from '../safetensors/open-safetensors.js';
import {inPieces} from './in-pieces.js';
import {openShards} from './open-shards.js';
import {findPickled, isPickled, pickledRefusal} from './pickled.js';
import {badWeights, type TensorSource} from '../safetensors/tensor.js';

/** The weights that a checkpoint itself holds: a whole model, or an adapter that needs its base. */
export type OwnWeights =
  | {readonly kind: 'model'; readonly tensors: TensorSource}
  | {readonly kind: 'adapter'; readonly tensors: SafetensorsFile; readonly config: AdapterConfig};

/**
 * Opens the weights of a folder (one file, shards, or an adapter) or of a lone `.safetensors` file.
 * @param adapter the name of the adapter that is meant, where a folder holds several
 * @throws InvarianceError `bad_weights` where there are none, or not whole, with what to do
 */
export async function openOwnWeights(path: string, adapter?: string): Promise<OwnWeights> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) {
    if (isPickled(path)) throw pickledRefusal(path);
    return {kind: 'model', tensors: await openSafetensors(path)};
  }
  const single = await fileInside(path, 'model.safetensors');
  if (single !== undefined) return {kind: 'model', tensors: await openSafetensors(single)};
  const index = await jsonInside(path, 'model.safetensors.index.json');
  if (index !== undefined) {
    const tensors = await openShards(path, index, join(path, 'model.safetensors.index.json'));
    return {kind: 'model', tensors};
  }
  const folder = await adapterFolder(path, adapter);
  if (folder !== undefined) {
    const config = adapterConfigOf((await jsonInside(folder, ADAPTER_CONFIG))!, join(folder, ADAPTER_CONFIG));
    const file = await fileInside(folder, 'adapter_model.safetensors');
    const pickled = file === undefined ? await findPickled(folder) : undefined;
    if (pickled !== undefined) throw pickledRefusal(pickled);
    return {
      kind: 'adapter',
      tensors: await openSafetensors(file ?? join(folder, 'adapter_model.safetensors')),
      config,
    };
  }
  const pickled = await findPickled(path);
  if (pickled !== undefined) throw pickledRefusal(pickled);
  const pieces = await inPieces(path);
  if (pieces !== undefined) throw badWeights(path, pieces);
  throw badWeights(path, 'holds no model.safetensors: no model folder, or half-written; check the path');
}

/** A JSON file of a checkpoint folder; undefined where it is not there. */
export async function jsonInside(folder: string, name: string): Promise<JsonObject | undefined> {
  const path = await fileInside(folder, name);
  return path === undefined ? undefined : readJson(path);
}
