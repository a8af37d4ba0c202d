import {realpath} from 'node:fs/promises';
import {join, relative, sep} from 'node:path';
import {badWeights} from '../safetensors/tensor.js';

/** A snapshot of the Hugging Face cache: its files are links into the `blobs` folder of the same model. */
const SNAPSHOT = /^(.*\/models--[^/]+)\/snapshots\/[^/]+/;

/**
 * The path of a file of a checkpoint folder, after a check that no link leads it out of there: whoever can write
 * a checkpoint must not make us read another's file. The cache's own links into its blobs are the exception.
 * Undefined where the file does not exist.
 * @throws InvarianceError `bad_weights` for a link that leaves the folder, or one that leads nowhere
 */
export async function fileInside(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name);
  const [home, real] = await Promise.all([realOf(folder), realOf(path)]);
  if (home === undefined || real === undefined) return undefined;
  if (isInside(home, real)) return path;
  const model = SNAPSHOT.exec(home.split(sep).join('/'))?.[1];
  if (model !== undefined && isInside(join(model, 'blobs'), real)) return path;
  throw badWeights(path, `is a link that leaves the folder, to ${real}; copy the file itself into ${folder}`);
}

async function realOf(path: string): Promise<string | undefined> {
  return realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw badWeights(path, `cannot be followed (${error.message}); copy the file itself`, error);
  });
}

export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`);
}
