import {open, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {replaceFolder} from '../../disk/index.js';
import {writeSafetensors, type WritableTensor} from '../safetensors/write-safetensors.js';

/** Files by name: text, bytes, or tensors as a safetensors file. */
export type FolderContents = Readonly<
  Record<string, string | Uint8Array | ReadonlyMap<string, WritableTensor>>
>;

/**
 * Writes a folder whole or not at all, as `replaceFolder` does.
 * @param files by name, or a function that fills the hidden folder with files that are synced
 * @throws InvarianceError `io_failed`: full disk, no permission, …; nothing is left behind and the old folder stays
 */
export async function writeFolder(
  folder: string,
  files: FolderContents | ((hidden: string) => Promise<void>),
): Promise<void> {
  await replaceFolder(folder, typeof files === 'function' ? files : hidden => putAll(hidden, files));
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
