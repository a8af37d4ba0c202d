import {randomUUID} from 'node:crypto';
import {constants} from 'node:fs';
import {copyFile, link, mkdir, readdir, rename, rm} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';

/** Removes a folder for its readers all at once: it loses its name before it loses its files. */
export async function removeFolder(folder: string): Promise<void> {
  const hidden = join(dirname(folder), `.${basename(folder)}.${randomUUID().slice(0, 8)}.tmp`);
  try {
    await rename(folder, hidden);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await rm(hidden, {recursive: true, force: true});
}

/** A second folder of the same files at no cost in space where the file system has links, else a copy. */
export async function linkFolder(from: string, to: string): Promise<void> {
  await mkdir(to, {recursive: true});
  for (const entry of await readdir(from, {withFileTypes: true})) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkFolder(source, target);
    else await link(source, target).catch(() => copyFile(source, target, constants.COPYFILE_FICLONE));
  }
}

/** Removes the hidden folders that a killed process left half written, or half removed, in a folder of its own. */
export async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [] as string[])) {
    if (/^\..+\.[0-9a-f]{8}\.tmp$/.test(name)) await rm(join(folder, name), {recursive: true, force: true});
  }
}
