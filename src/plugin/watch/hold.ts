import {link, lstat, mkdir, mkdtemp, readdir, realpath, rm} from 'node:fs/promises';
import {basename, join} from 'node:path';

/** A checkpoint that stays readable until it is let go. */
export interface Held {
  /** Where to read it. */
  path: string;
  release(): Promise<void>;
}

/** What a reading needs of a checkpoint; optimiser states are not worth holding. */
const NEEDED = /\.(safetensors|json)$/;

/**
 * Keeps a checkpoint's files from going away while it waits, by hard links: they take no space and outlive a
 * `save_total_limit` that deletes the folder. Where the file system has no hard links between the two places, the
 * checkpoint is read where it is.
 *
 * @param path a checkpoint folder, or one safetensors file
 * @param into folder that takes the links
 */
export async function holdCheckpoint(path: string, into: string): Promise<Held> {
  await mkdir(into, {recursive: true});
  // A place of its own for each: the checkpoint may be replaced, and held again, while the first is being read.
  const own = await mkdtemp(join(into, 'checkpoint-'));
  const release = (): Promise<void> => rm(own, {recursive: true, force: true});
  const place = join(own, basename(path));
  try {
    if ((await lstat(path)).isDirectory()) {
      await mkdir(place);
      const names = (await readdir(path)).filter(name => NEEDED.test(name));
      for (const name of names) await link(await realpath(join(path, name)), join(place, name));
    } else {
      await link(await realpath(path), place);
    }
    return {path: place, release};
  } catch {
    await release();
    return {path, release: async () => {}};
  }
}
