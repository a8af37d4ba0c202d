import {readFile} from 'node:fs/promises';
import {relative, sep} from 'node:path';
import {InvarianceError, messageOf} from '../errors.js';
import {openSafetensors} from '../models/index.js';
import {tensorFileOf} from './tensor-images.js';

/** Classes of the probe images. */
export interface Labels {
  /** Where they came from, in words. */
  readonly source: string;
  /** The classes there are. */
  readonly names: readonly string[];
  /** Class of each image, an index into the names. */
  readonly of: readonly number[];
}

/** One label an image in the order of the probes, a CSV or JSON file by image path, or `FILE.safetensors:key` of integers. */
export type LabelSource = string | readonly (string | number)[];

/** A probe can tell classes apart only where there are at least so many of at least so many images. */
const MIN_CLASSES = 2;
const MIN_IMAGES = 2;

/** The first folder on the way to each file; null where files lie beside folders, or classes are too few or too small. */
export function classFolders(folder: string, files: readonly string[]): Labels | null {
  const parts = files.map(file => relative(folder, file).split(sep));
  if (parts.some(({length}) => length < 2)) return null;
  const labels = labelsOf(
    parts.map(([name]) => name!),
    'class folders',
  );
  const sound = labels.names.filter((_, c) => labels.of.filter(label => label === c).length >= MIN_IMAGES);
  return sound.length < MIN_CLASSES ? null : labels;
}

/**
 * Labels that were given.
 *
 * @param probes.total images before they were cut to the maximum.
 * @param probes.places of those taken.
 * @param probes.files of a folder of images; null for images of another kind.
 * @throws InvarianceError `bad_probes`, naming what has no label, for labels that do not fit the probes or are of one class.
 */
export async function readLabels(
  source: LabelSource,
  probes: {folder: string | null; total: number; places: readonly number[]; files: readonly string[] | null},
): Promise<Labels> {
  const labels = labelsOf(
    await labelsFrom(source, probes),
    typeof source === 'string' ? source : 'given labels',
  );
  if (labels.names.length < MIN_CLASSES)
    throw refused(
      source,
      `all probes are of one class, ${labels.names[0]}; a probe tells at least two apart`,
    );
  return labels;
}

async function labelsFrom(
  source: LabelSource,
  {folder, total, places, files}: Parameters<typeof readLabels>[1],
): Promise<string[]> {
  const tensor = typeof source === 'string' ? tensorFileOf(source) : null;
  if (typeof source === 'string' && !tensor) {
    if (files === null || folder === null)
      throw refused(
        source,
        'labels by path are of a folder of images; give FILE.safetensors:key of integers',
      );
    const byPath = await readByPath(source);
    return files.map(file => {
      const path = relative(folder, file).split(sep).join('/');
      const label = byPath.get(path);
      if (label === undefined) throw refused(source, `no label for ${path}`);
      return label;
    });
  }
  if (files !== null)
    throw refused(
      source,
      'a folder of images takes labels by path: a CSV or JSON file of image path and label',
    );
  const all = tensor ? await readIntegers(tensor.path, tensor.key) : (source as readonly (string | number)[]);
  if (all.length !== total) throw refused(source, `${all.length} labels for ${total} images`);
  return places.map(place => String(all[place]));
}

function labelsOf(each: readonly string[], source: string): Labels {
  const names = [...new Set(each)].sort();
  return {source, names, of: each.map(name => names.indexOf(name))};
}

/** `{"path": label}`, or a line `path,label` an image: the label is what follows the last comma. */
async function readByPath(path: string): Promise<Map<string, string>> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw refused(path, messageOf(error));
  });
  const labels = path.endsWith('.json') ? fromJson(path, text) : fromCsv(path, text);
  return new Map([...labels].map(([name, label]) => [name.replace(/^\.\//, ''), label]));
}

function fromJson(path: string, text: string): Map<string, string> {
  try {
    const value = JSON.parse(text) as unknown;
    const entries = Object.entries(value as object);
    if (Array.isArray(value) || entries.some(([, label]) => !['string', 'number'].includes(typeof label)))
      throw new Error('it is no object of path and label');
    return new Map(entries.map(([name, label]) => [name, String(label)]));
  } catch (error) {
    throw refused(path, messageOf(error));
  }
}

function fromCsv(path: string, text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).filter(line => line.trim() !== '');
  return new Map(
    lines.map(line => {
      const comma = line.lastIndexOf(',');
      if (comma < 1) throw refused(path, `the line "${line}" is no path,label`);
      return [line.slice(0, comma).trim(), line.slice(comma + 1).trim()];
    }),
  );
}

async function readIntegers(path: string, key: string | null): Promise<string[]> {
  const file = await openSafetensors(path);
  try {
    const names = file.names();
    const name = key ?? (names.length === 1 ? names[0]! : null);
    if (name === null) throw refused(path, `holds several tensors; name one: ${path}:${names.join(' or :')}`);
    const {shape, data} = await file.read(name);
    const values = Array.from(data as ArrayLike<number | bigint>, Number);
    if (shape.length !== 1 || !values.every(Number.isSafeInteger))
      throw refused(path, `${name} of shape [${shape.join(', ')}] is no list of integers, one an image`);
    return values.map(String);
  } finally {
    await file.close();
  }
}

function refused(source: LabelSource, message: string): InvarianceError {
  return new InvarianceError(
    'bad_probes',
    `labels${typeof source === 'string' ? ` ${source}` : ''}: ${message}`,
  );
}
