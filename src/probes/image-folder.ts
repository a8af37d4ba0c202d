import {readdir, realpath, stat} from 'node:fs/promises';
import {extname, join, sep} from 'node:path';
import {InvarianceError, messageOf} from '../errors.js';

/** What sharp decodes without further libraries. */
const EXTENSIONS = ['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff'];

/** Images too, which sharp does not read. */
const UNREAD = '.bmp .dib .ppm .pgm .pbm .pnm .jxl .heic .heif .jp2 .j2k .tga .ico .psd .exr .hdr'.split(' ');

/** Images of a folder. */
interface ImageFolder {
  /** Paths of those taken, in order of name within a class. */
  readonly files: string[];
  /** What was passed over and why, in words; null where nothing was. */
  readonly passedOver: string | null;
}

/**
 * Image files of a folder, at most `max`: with class folders an equal number of each class as far as there are, and
 * inside a class evenly over its files in order of name. The same folder gives the same files. Links are followed; what
 * is hidden, or lies in a hidden folder or in `__MACOSX`, is no image.
 *
 * @throws InvarianceError `bad_probes` where the folder cannot be read or holds no image.
 */
export async function listImages(folder: string, max: number): Promise<ImageFolder> {
  const found = await filesBelow(folder).catch((error: unknown) => {
    throw new InvarianceError(
      'bad_probes',
      `probes ${folder} cannot be read (${messageOf(error)}); give a folder of images or FILE.safetensors:key`,
      {cause: error},
    );
  });
  const ofKind = (extensions: readonly string[]) =>
    found.filter(file => extensions.includes(extname(file).toLowerCase())).sort((a, b) => (a < b ? -1 : 1));
  const [files, unread] = [ofKind(EXTENSIONS), ofKind(UNREAD)];
  const passedOver = wordsOf(unread, files);
  if (files.length === 0)
    throw new InvarianceError(
      'bad_probes',
      `probes ${folder} holds no image; known are ${EXTENSIONS.map(extension => extension.slice(1)).join(', ')}` +
        (passedOver === null ? '' : `; ${passedOver}`),
    );
  const classes = new Map<string, string[]>();
  for (const file of files) {
    const name = classOf(file);
    if (!classes.has(name)) classes.set(name, []);
    classes.get(name)!.push(join(folder, file));
  }
  return {files: spread([...classes.values()], max), passedOver};
}

const classOf = (file: string) => (file.includes(sep) ? file.split(sep)[0]! : '');

/** Paths under a folder, relative to it. A link that leads back to a folder above it is not followed. */
async function filesBelow(folder: string, inside = '', above: readonly string[] = []): Promise<string[]> {
  const here = join(folder, inside);
  const real = await realpath(here);
  if (above.includes(real)) return [];
  const files: string[] = [];
  for (const name of await readdir(here)) {
    if (name.startsWith('.') || name === '__MACOSX') continue;
    // A link that leads nowhere is passed over.
    const found = await stat(join(here, name)).catch(() => null);
    if (found?.isFile()) files.push(join(inside, name));
    else if (found?.isDirectory())
      files.push(...(await filesBelow(folder, join(inside, name), [...above, real])));
  }
  return files;
}

function wordsOf(unread: readonly string[], read: readonly string[]): string | null {
  if (unread.length === 0) return null;
  const kinds = [...new Set(unread.map(file => extname(file).toLowerCase()))].join(', ');
  const left = new Set(read.map(classOf));
  const empty = [...new Set(unread.map(classOf))].filter(name => !left.has(name));
  return (
    `${unread.length} of ${unread.length + read.length} images were passed over: ${kinds} cannot be read, convert them to PNG` +
    (empty.length === 0 || read.length === 0 ? '' : `; no image was taken of ${empty.join(', ')}`)
  );
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
