import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {fileInside} from '../folders/links.js';
import {badWeights} from '../safetensors/tensor.js';

export const ADAPTER_CONFIG = 'adapter_config.json';

/** What PEFT calls an adapter that was given no name; it stands in the checkpoint itself. */
const UNNAMED = 'default';

/** Adapters with a name, which PEFT saves one folder deeper: `checkpoint-10/birds`. */
export async function namedAdapters(checkpoint: string): Promise<string[]> {
  const entries = await readdir(checkpoint, {withFileTypes: true}).catch(() => []);
  const folders = entries.filter(entry => entry.isDirectory() && !entry.name.startsWith('.'));
  const found = await Promise.all(
    folders.map(async ({name}) => {
      const config = await fileInside(join(checkpoint, name), ADAPTER_CONFIG).catch(() => undefined);
      return config === undefined ? [] : [name];
    }),
  );
  return found.flat().sort();
}

/**
 * The folder of the adapter that is meant: the checkpoint's own, else the only one with a name.
 * @param wanted its name, where there are several
 * @returns undefined where the checkpoint is no adapter
 * @throws InvarianceError `bad_weights` that lists the adapters where it cannot be told which is meant
 */
export async function adapterFolder(checkpoint: string, wanted?: string): Promise<string | undefined> {
  const own = (await fileInside(checkpoint, ADAPTER_CONFIG)) === undefined ? [] : [UNNAMED];
  if (own.length > 0 && (wanted === undefined || wanted === UNNAMED)) return checkpoint;
  const named = await namedAdapters(checkpoint);
  const name = wanted ?? (named.length === 1 ? named[0] : undefined);
  if (name !== undefined && named.includes(name)) return join(checkpoint, name);
  const all = [...own, ...named];
  if (all.length === 0) return undefined;
  throw badWeights(
    checkpoint,
    `holds the adapters ${all.join(', ')}${wanted === undefined ? '' : `, and none that is called ${wanted}`}; ` +
      'choose one with --adapter',
  );
}
