import {mkdir, open, rename, rm, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {ioFailed} from './io-failed.js';
import type {HfConfig} from './open-model-folder.js';
import {preprocessorJson, type Preprocessor} from './preprocessor.js';
import {syncFolder, temporaryBeside} from './replace-file.js';
import {writeSafetensors, type WritableTensor} from './write-safetensors.js';

export interface ModelFolderContents {
  readonly config: HfConfig;
  readonly preprocessor: Preprocessor;
  readonly tensors: ReadonlyMap<string, WritableTensor>;
  /** Further files by name: text, bytes, or tensors (of an optimiser, say) as a safetensors file. */
  readonly files?: Readonly<Record<string, string | Uint8Array | ReadonlyMap<string, WritableTensor>>>;
}

/**
 * Writes a model folder that transformers loads, whole or not at all: filled under a hidden name beside it,
 * synced, then renamed. A folder of that name is replaced (for one rename's time there is neither; never half).
 * @throws InvarianceError `io_failed`: full disk, no permission, …; nothing is left behind and the old folder stays
 */
export async function writeModelFolder(folder: string, contents: ModelFolderContents): Promise<void> {
  const {config, preprocessor, tensors, files = {}} = contents;
  const temporary = temporaryBeside(folder);
  try {
    await mkdir(temporary, {recursive: true});
    const put = async (name: string, data: string | Uint8Array) => {
      await writeFile(join(temporary, name), data);
      const file = await open(join(temporary, name));
      await file.sync().finally(() => file.close());
    };
    await put('config.json', JSON.stringify(config, null, 2));
    await put('preprocessor_config.json', JSON.stringify(preprocessorJson(preprocessor, config), null, 2));
    await writeSafetensors(join(temporary, 'model.safetensors'), tensors);
    for (const [name, data] of Object.entries(files))
      await (data instanceof Map ? writeSafetensors(join(temporary, name), data) : put(name, data as string));
    await syncFolder(temporary);
    await replaceFolder(temporary, folder);
  } catch (error) {
    await rm(temporary, {recursive: true, force: true}).catch(() => {});
    throw ioFailed(folder, error);
  }
}

async function replaceFolder(temporary: string, folder: string): Promise<void> {
  const old = temporaryBeside(folder);
  const replaced = await rename(folder, old).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    await rename(temporary, folder);
  } catch (error) {
    if (replaced) await rename(old, folder);
    throw error;
  }
  await syncFolder(dirname(folder));
  if (replaced) await rm(old, {recursive: true, force: true});
}
