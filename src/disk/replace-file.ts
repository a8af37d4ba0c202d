import {randomUUID} from 'node:crypto';
import {closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync} from 'node:fs';
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
 * @param content the whole of it, or a function that writes it piece by piece
 * @throws InvarianceError `io_failed`: full disk, no permission, …
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array | ((file: FileHandle) => Promise<void>),
): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await mkdir(dirname(path), {recursive: true});
    const file = await open(temporary, 'wx');
    try {
      if (typeof content === 'function') await content(file);
      else await file.writeFile(content);
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

/**
 * The same for something small that must be on the disk before the next statement runs, as what is known of an upload must
 * be before its next request. The folder is there.
 */
export function replaceFileSync(path: string, content: string | Uint8Array): void {
  const temporary = temporaryBeside(path);
  try {
    withOpen(temporary, 'wx', fd => {
      writeFileSync(fd, content);
      fsyncSync(fd);
    });
    renameSync(temporary, path);
    if (process.platform !== 'win32') withOpen(dirname(path), 'r', fsyncSync);
  } catch (error) {
    try {
      rmSync(temporary, {force: true});
    } catch {
      // What could not be written need not be there to be removed.
    }
    throw ioFailed(path, error);
  }
}

function withOpen(path: string, flags: string, use: (fd: number) => void): void {
  const fd = openSync(path, flags);
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}
