import {mkdir, rename, rm} from 'node:fs/promises';
import {dirname} from 'node:path';
import {ioFailed} from './io-failed.js';
import {syncFolder, temporaryBeside} from './replace-file.js';

/**
 * Puts a folder in place whole or not at all: filled under a hidden name beside it, then renamed. A folder of that name is
 * replaced (for one rename's time there is neither; never half).
 * @param fill puts files, each of them synced, into the hidden folder
 * @throws InvarianceError `io_failed`: full disk, no permission, …; nothing is left behind and the old folder stays
 */
export async function replaceFolder(folder: string, fill: (hidden: string) => Promise<void>): Promise<void> {
  const temporary = temporaryBeside(folder);
  try {
    await mkdir(temporary, {recursive: true});
    await fill(temporary);
    await syncFolder(temporary);
    await exchange(temporary, folder);
  } catch (error) {
    await rm(temporary, {recursive: true, force: true}).catch(() => {});
    throw ioFailed(folder, error);
  }
}

async function exchange(temporary: string, folder: string): Promise<void> {
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
