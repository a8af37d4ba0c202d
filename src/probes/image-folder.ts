import {readdir} from 'node:fs/promises';
import {basename, extname, join, sep} from 'node:path';
import {InvarianceError, messageOf} from '../errors.js';

/** What sharp decodes without further libraries. */
const EXTENSIONS = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff'];

/**
 * Image files of a folder, at most `max`: with class folders an equal number of each class as far as there are, and
 * inside a class evenly over its files in order of name. The same folder gives the same files.
 *
 * @throws InvarianceError `bad_probes` where the folder cannot be read or holds no image.
 */
export async function listImages(folder: string, max: number): Promise<string[]> {
  const found = await readdir(folder, {recursive: true}).catch((error: unknown) => {
    throw new InvarianceError(
      'bad_probes',
      `probes ${folder} cannot be read (${messageOf(error)}); give a folder of images or FILE.safetensors:key`,
      {cause: error},
    );
  });
  const files = found
    .filter(file => EXTENSIONS.includes(extname(file).toLowerCase()) && !basename(file).startsWith('.'))
    .sort((a, b) => (a < b ? -1 : 1));
  if (files.length === 0)
    throw new InvarianceError(
      'bad_probes',
      `probes ${folder} holds no image; known are ${EXTENSIONS.map(extension => extension.slice(1)).join(', ')}`,
    );
  const classes = new Map<string, string[]>();
  for (const file of files) {
    const name = file.includes(sep) ? file.split(sep)[0]! : '';
    if (!classes.has(name)) classes.set(name, []);
    classes.get(name)!.push(join(folder, file));
  }
  return spread([...classes.values()], max);
}

/** At most `max` of the members of all groups, as equally over the groups as they allow and evenly inside each. */
export function spread<T>(groups: readonly (readonly T[])[], max: number): T[] {
  const shares = groups.map(() => 0);
  let left = Math.min(
    max,
    groups.reduce((sum, group) => sum + group.length, 0),
  );
  while (left > 0)
    for (let at = 0; at < groups.length && left > 0; at++)
      if (shares[at]! < groups[at]!.length) {
        shares[at]!++;
        left--;
      }
  return groups.flatMap((group, at) =>
    Array.from({length: shares[at]!}, (_, place) => group[Math.floor((place * group.length) / shares[at]!)]!),
  );
}
