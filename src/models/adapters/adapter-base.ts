import {basename, dirname, resolve} from 'node:path';
import {jsonInside} from '../folders/open-own-weights.js';

/** Folder or hub name of the model an adapter was trained on, as it says itself; undefined for anything else. */
export async function adapterBase(folder: string): Promise<string | undefined> {
  const base = (await jsonInside(folder, 'adapter_config.json'))?.['base_model_name_or_path'];
  return typeof base === 'string' && base !== '' ? base : undefined;
}

/** What people call a model: the last part of its folder or hub name; in the Hugging Face cache, the hub's name. */
export function modelName(model: string): string {
  const path = resolve(model);
  const cached = basename(dirname(path)) === 'snapshots' ? basename(dirname(dirname(path))) : '';
  return cached.startsWith('models--') ? cached.split('--').at(-1)! : basename(path);
}
