import {link, mkdir, mkdtemp, readdir, realpath, rm, stat} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {DESCRIPTIONS, fileInside, namedAdapters} from '../models/index.js';
import {InvarianceError} from '../errors.js';

/** A checkpoint that stays readable until it is let go. */
export interface Held {
  /** Where to read it. */
  path: string;
  /** Bytes that only this holds any more, as the training has deleted them. */
  bytes: () => Promise<number>;
  release: () => Promise<void>;
}

/** What a reading needs of a checkpoint; optimiser states are not worth holding. */
const isNeeded = (name: string) =>
  DESCRIPTIONS.includes(name) || /^(?!optimizer).*\.safetensors(\.index\.json)?$/.test(name);

/**
 * Keeps a checkpoint's files from going away while it waits, by hard links: they take no space and outlive a
 * `save_total_limit` that deletes the folder. Where links cannot be made, as on another disk, the checkpoint is read
 * where it is.
 *
 * @param path a checkpoint folder, or one safetensors file
 * @param into folder that takes the links
 * @throws InvarianceError `bad_weights` for a file that is a link out of its folder: held, it would look like its own
 */
export async function holdCheckpoint(path: string, into: string): Promise<Held> {
  let own: string | undefined;
  const release = async (): Promise<void> => {
    if (own !== undefined) await rm(own, {recursive: true, force: true});
  };
  try {
    await mkdir(into, {recursive: true});
    // A place of its own for each: the checkpoint may be replaced, and held again, while the first is being read.
    own = await mkdtemp(join(into, 'checkpoint-'));
    const place = join(own, basename(path));
    const links: string[] = [];
    const hold = async (folder: string, name: string, target: string): Promise<void> => {
      const source = await fileInside(folder, name);
      if (source === undefined) throw new Error(`${join(folder, name)} is gone`);
      await link(await realpath(source), target);
      links.push(target);
    };
    const holdAll = async (folder: string, target: string): Promise<void> => {
      await mkdir(target, {recursive: true});
      const names = (await readdir(folder)).filter(isNeeded);
      for (const name of names) await hold(folder, name, join(target, name));
    };
    if ((await stat(path)).isDirectory()) {
      for (const adapter of await namedAdapters(path))
        await holdAll(join(path, adapter), join(place, adapter));
      await holdAll(path, place);
    } else {
      await hold(dirname(path), basename(path), place);
    }
    return {path: place, release, bytes: () => bytesOf(links)};
  } catch (error) {
    await release().catch(() => {});
    if (error instanceof InvarianceError) throw error;
    return {path, release: async () => {}, bytes: () => Promise.resolve(0)};
  }
}

async function bytesOf(links: readonly string[]): Promise<number> {
  const files = await Promise.all(links.map(path => stat(path).catch(() => ({nlink: 0, size: 0}))));
  return files.reduce((sum, {nlink, size}) => sum + (nlink === 1 ? size : 0), 0);
}
