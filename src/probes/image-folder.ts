import {readdir, realpath, stat} from 'node:fs/promises';
import {extname, join, sep} from 'node:path';
import {InvarianceError, messageOf} from '../errors.js';

/** What sharp decodes without further libraries. */
const EXTENSIONS = ['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff'];

/** Images too, which sharp does not read. */
const UNREAD = '.bmp .dib .ppm .pgm .pbm .pnm .jxl .heic .heif .jp2 .j2k .tga .ico .psd .exr .hdr'.split(' ');

/** Images of a folder. */
interface ImageFolder {
  /** The folder given, or the split of it that was taken; class folders lie in it. */
  readonly root: string;
  /** Paths of those taken, in order of name within a class. */
  readonly files: string[];
  /** What was passed over and why, and what was taken, in words; null where nothing was passed over. */
  readonly passedOver: string | null;
}

/** Names of the splits of a data set, those first that a model was least likely trained on. */
const SPLITS = ['validation', 'valid', 'val', 'dev', 'test', 'testing', 'train', 'training'];

/**
 * Image files of a folder, at most `max`: with class folders an equal number of each class as far as there are, and
 * inside a class evenly over its files in order of name. The same folder gives the same files. Links are followed; what
 * is hidden, or lies in a hidden folder or in `__MACOSX`, is no image. Of folders named like splits of a data set (all of
 * `train`, `val`, `test` and the like) one is taken: validation, else test, else train.
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
  const [readable, unreadable] = [ofKind(EXTENSIONS), ofKind(UNREAD)];
  const split = splitOf(readable);
  const ofSplit = (files: readonly string[]) =>
    split === null
      ? files
      : files.filter(file => classOf(file) === split.taken).map(file => file.slice(split.taken.length + 1));
  const [files, unread] = [ofSplit(readable), ofSplit(unreadable)];
  const passed = [...splitWords(split, folder), ...unreadWords(unread, files)];
  if (files.length === 0)
    throw new InvarianceError(
      'bad_probes',
      [
        `probes ${folder} holds no image; known are ${EXTENSIONS.map(extension => extension.slice(1)).join(', ')}`,
        ...passed,
      ].join('; '),
    );
  const classes = new Map<string, string[]>();
  for (const file of files) {
    const name = classOf(file);
    if (!classes.has(name)) classes.set(name, []);
    classes.get(name)!.push(file);
  }
  const taken = spread([...classes.values()], max);
  const root = split === null ? folder : join(folder, split.taken);
  return {
    root,
    files: taken.map(file => join(root, file)),
    passedOver: passed.length === 0 ? null : [...passed, takenWords(taken)].join('; '),
  };
}

/** Where all images lie in folders named like splits of a data set: the one to take, and the others. */
function splitOf(files: readonly string[]): {taken: string; others: string[]} | null {
  const rank = (name: string) => SPLITS.indexOf(name.toLowerCase());
  const [taken, ...others] = [...new Set(files.map(classOf))].sort((a, b) => rank(a) - rank(b));
  return taken === undefined || [taken, ...others].some(name => rank(name) < 0) ? null : {taken, others};
}

function splitWords(split: ReturnType<typeof splitOf>, folder: string): string[] {
  if (split === null || split.others.length === 0) return [];
  return [
    `${split.taken} was taken of the splits ${[split.taken, ...split.others].join(', ')}; ` +
      `for another give its own folder, as ${join(folder, split.others[0]!)}`,
  ];
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

function unreadWords(unread: readonly string[], read: readonly string[]): string[] {
  if (unread.length === 0) return [];
  const kinds = [...new Set(unread.map(file => extname(file).toLowerCase()))].join(', ');
  const left = new Set(read.map(classOf));
  const empty = [...new Set(unread.map(classOf))].filter(name => !left.has(name));
  return [
    `${unread.length} of ${unread.length + read.length} images were passed over: ${kinds} cannot be read, convert them to PNG`,
    ...(empty.length === 0 || read.length === 0 ? [] : [`no image was taken of ${empty.join(', ')}`]),
  ];
}

/** How many classes are named one by one. */
const NAMED = 10;

function takenWords(files: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const file of files) counts.set(classOf(file), (counts.get(classOf(file)) ?? 0) + 1);
  const names = [...counts].map(([name, count]) => `${count} ${name === '' ? 'in no folder' : `of ${name}`}`);
  const which = names.length > NAMED ? `of ${names.length} classes` : `(${names.join(', ')})`;
  return `taken were ${files.length} images ${which}`;
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
