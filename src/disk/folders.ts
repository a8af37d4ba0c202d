import {randomUUID} from 'node:crypto';
import {constants} from 'node:fs';
import {copyFile, link, mkdir, readdir, rename, rm, stat} from 'node:fs/promises';
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

/** Hidden folders this old, in milliseconds, are in nobody's work any more. */
const ABANDONED = 3_600_000;

/** Removes the hidden folders that killed processes left half written, or half removed. */
export async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [] as string[])) {
    if (!/^\..+\.[0-9a-f]{8}\.tmp$/.test(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > ABANDONED)
      await rm(path, {recursive: true, force: true});
  }
}
