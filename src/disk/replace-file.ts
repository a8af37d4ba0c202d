import {randomUUID} from 'node:crypto';
import {mkdir, open, rename, rm, type FileHandle} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {ioFailed} from './io-failed.js';

/** A hidden name beside `path`, on the same file system so that a rename is atomic; scans pass over it. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomUUID().slice(0, 8)}.tmp`);
}

/** Makes a rename inside `folder` last through a power cut; a no-op where folders cannot be synced (Windows). */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder);
  await handle.sync().finally(() => handle.close());
}

/**
 * Puts a file in place whole or not at all: written beside it, synced, renamed over it. Folders on the way are
 * made. On failure nothing is left behind and what was there before stays.
 * @throws InvarianceError `io_failed`: full disk, no permission, …
 */
export async function replaceFile(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await mkdir(dirname(path), {recursive: true});
    const file = await open(temporary, 'wx');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, {force: true}).catch(() => {});
    throw ioFailed(path, error);
  }
}
