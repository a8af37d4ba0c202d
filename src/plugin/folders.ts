import {constants} from 'node:fs';
import {copyFile, link, mkdir, open, readdir, rename, rm} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';

/**
 * Fills a folder that nobody sees before it is whole: `fill` writes into a hidden one beside it, everything is flushed
 * to the disk, and one rename makes it appear. Where `fill` fails nothing appears and what stood there stays.
 */
export async function writeFolder(folder: string, fill: (hidden: string) => Promise<void>): Promise<void> {
  const hidden = hiddenBeside(folder, 'part');
  try {
    await rm(hidden, {recursive: true, force: true});
    await mkdir(dirname(folder), {recursive: true});
    await fill(hidden);
    await flush(hidden);
    await removeFolder(folder);
    await rename(hidden, folder);
    await flushEntry(dirname(folder));
  } catch (error) {
    await rm(hidden, {recursive: true, force: true}).catch(() => undefined);
    throw error;
  }
}

/** Removes a folder for its readers all at once: it loses its name before it loses its files. */
export async function removeFolder(folder: string): Promise<void> {
  const hidden = hiddenBeside(folder, 'gone');
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

function hiddenBeside(folder: string, ending: string): string {
  return join(dirname(folder), `.${basename(folder)}.${process.pid}.${ending}`);
}

async function flush(folder: string): Promise<void> {
  for (const entry of await readdir(folder, {withFileTypes: true})) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await flush(path);
    else await flushEntry(path);
  }
  await flushEntry(folder);
}

async function flushEntry(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(error => {
    // Windows opens no folders; its renames are journalled by the file system itself.
    if (['EISDIR', 'EPERM', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  });
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}
