import {mkdir, open, rename, rm, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {ioFailed} from '../../disk/index.js';
import {syncFolder, temporaryBeside} from '../../disk/index.js';
import {writeSafetensors, type WritableTensor} from '../safetensors/write-safetensors.js';

/** Files by name: text, bytes, or tensors as a safetensors file. */
export type FolderContents = Readonly<
  Record<string, string | Uint8Array | ReadonlyMap<string, WritableTensor>>
>;

/**
 * Writes a folder whole or not at all: filled under a hidden name beside it, synced, then renamed. A folder of that name
 * is replaced (for one rename's time there is neither; never half).
 * @param files by name, or a function that fills the hidden folder with files that are synced
 * @throws InvarianceError `io_failed`: full disk, no permission, …; nothing is left behind and the old folder stays
 */
export async function writeFolder(
  folder: string,
  files: FolderContents | ((hidden: string) => Promise<void>),
): Promise<void> {
  const temporary = temporaryBeside(folder);
  try {
    await mkdir(temporary, {recursive: true});
    if (typeof files === 'function') await files(temporary);
    else await putAll(temporary, files);
    await syncFolder(temporary);
    await replaceFolder(temporary, folder);
  } catch (error) {
    await rm(temporary, {recursive: true, force: true}).catch(() => {});
    throw ioFailed(folder, error);
  }
}

/** Puts files into a folder that is there, each synced. */
export async function putAll(folder: string, files: FolderContents): Promise<void> {
  for (const [name, data] of Object.entries(files)) {
    const path = join(folder, name);
    await (data instanceof Map ? writeSafetensors(path, data) : put(path, data as string | Uint8Array));
  }
}

async function put(path: string, data: string | Uint8Array): Promise<void> {
  await writeFile(path, data);
  const file = await open(path);
  await file.sync().finally(() => file.close());
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
