import {basename, dirname, join, resolve} from 'node:path';
import {jsonInside} from '../folders/open-own-weights.js';
import {ADAPTER_CONFIG, adapterFolder, namedAdapters} from './named-adapters.js';

/** Folder or hub name of the model an adapter was trained on, as it says itself; undefined for anything else. */
export async function adapterBase(checkpoint: string): Promise<string | undefined> {
  // Those of one checkpoint are all on one base.
  const [first = '.'] = await namedAdapters(checkpoint);
  const folder = await adapterFolder(checkpoint).catch(() => join(checkpoint, first));
  const base = folder && (await jsonInside(folder, ADAPTER_CONFIG))?.['base_model_name_or_path'];
  return typeof base === 'string' && base !== '' ? base : undefined;
}

/** What people call a model: the last part of its folder or hub name; in the Hugging Face cache, the hub's name. */
export function modelName(model: string): string {
  const path = resolve(model);
  const cached = basename(dirname(path)) === 'snapshots' ? basename(dirname(dirname(path))) : '';
  return cached.startsWith('models--') ? cached.split('--').at(-1)! : basename(path);
}
