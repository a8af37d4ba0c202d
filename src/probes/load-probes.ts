import type {Preprocessor} from '../models/index.js';
import {InvarianceError} from '../errors.js';
import {pickImages} from '../images.js';
import type {Images} from '../types.js';
import {decodeImage} from './decode-image.js';
import {listImages, spread} from './image-folder.js';
import {classFolders, readLabels, type Labels, type LabelSource} from './labels.js';
import {readTensorImages, tensorFileOf} from './tensor-images.js';

/** Unbiased CKA is not defined below this. */
export const MIN_PROBES = 4;

/**
 * Probes taken at most, by default. A reading costs (layers + 1) forward passes of them, the inversion `steps` forward
 * and backward passes for each layer: 64 images of 224 px through ViT-S/32 on two cores are about 15 s and 15 min.
 */
export const PROBES_MAX = 64;

/** A folder, `FILE.safetensors:key`, images in memory, or anything that yields images, paths or encoded bytes. */
export type ProbeSource =
  string | Images | Iterable<Images | string | Uint8Array> | AsyncIterable<Images | string | Uint8Array>;

export interface LoadProbesOptions {
  /** How image files become the model's input; without one they must all have one size. */
  preprocessor?: Preprocessor;
  /** Default 3. */
  channels?: number;
  /** Default 64. Folders are cut evenly over their classes, tensors evenly over their rows. */
  max?: number;
  /** Further labels of the same images, beside those of class folders. */
  labels?: LabelSource | undefined;
}

/**
 * X: at least 4 images of one size, in [0, 1].
 *
 * @returns the images, where they came from in words, their labels (of class folders, then those given), and in words
 *   which image files were passed over and why, null for none.
 * @throws InvarianceError `bad_probes` for an empty folder, an unreadable image (named), mixed sizes, fewer than 4, or a
 *   tensor of wrong rank, type or range.
 */
export async function loadProbes(
  source: ProbeSource,
  {preprocessor, channels = 3, max = PROBES_MAX, labels: given}: LoadProbesOptions = {},
): Promise<{images: Images; source: string; labels: Labels[]; passedOver: string | null}> {
  if (!Number.isSafeInteger(max) || max < MIN_PROBES)
    throw new InvarianceError('bad_option', `invalid number of probes: ${max}; give at least ${MIN_PROBES}`);
  const {images, from, root, files, total, passedOver} = await gather(source, {
    preprocessor,
    channels,
    max,
  });
  if (images.count < MIN_PROBES)
    throw new InvarianceError(
      'bad_probes',
      `${from} holds ${images.count} images; at least ${MIN_PROBES} are needed, and 64 are better`,
    );
  for (const value of images.data)
    if (!(value >= 0 && value <= 1))
      throw new InvarianceError(
        'bad_probes',
        `${from} holds the pixel ${value}; probes lie in [0, 1], before normalisation`,
      );
  const folder = files && (source as string);
  const folders = root === null ? null : classFolders(root, files!);
  const places = placesOf(total, max);
  return {
    images,
    source: from,
    passedOver,
    labels: [
      ...(folders ? [folders] : []),
      ...(given === undefined ? [] : [await readLabels(given, {folder, files, total, places})]),
    ],
  };
}

/**
 * S from a tensor file, one for each probe.
 *
 * @throws InvarianceError `bad_probes` where the file holds fewer, or other sizes.
 */
export async function loadSeeds(source: string, probes: Images): Promise<Images> {
  const file = tensorFileOf(source);
  if (!file) throw new InvarianceError('bad_option', `invalid seeds: ${source}; give FILE.safetensors:key`);
  const seeds = await readTensorImages(file.path, file.key);
  if (seeds.count < probes.count)
    throw new InvarianceError(
      'bad_probes',
      `${source} holds ${seeds.count} seeds for ${probes.count} probes`,
    );
  return pickImages(
    seeds,
    Array.from({length: probes.count}, (_, at) => at),
  );
}

async function gather(
  source: ProbeSource,
  {preprocessor, channels, max}: {preprocessor: Preprocessor | undefined; channels: number; max: number},
): Promise<{
  images: Images;
  from: string;
  root: string | null;
  files: string[] | null;
  total: number;
  passedOver: string | null;
}> {
  const taken = (
    images: Images,
    from: string,
    found: Awaited<ReturnType<typeof listImages>> | null = null,
  ) => ({
    images: cut(images, max),
    from,
    root: found?.root ?? null,
    files: found?.files ?? null,
    total: images.count,
    passedOver: found?.passedOver ?? null,
  });
  if (isImages(source)) return taken(source, 'images in memory');
  if (typeof source === 'string') {
    const file = tensorFileOf(source);
    if (file) return taken(await readTensorImages(file.path, file.key), source);
  }
  const found = typeof source === 'string' ? await listImages(source, max) : null;
  const items = found?.files ?? (source as Exclude<ProbeSource, string | Images>);
  const parts: Images[] = [];
  let count = 0;
  for await (const item of items) {
    const name = typeof item === 'string' ? item : `${parts.length}`;
    const part = isImages(item) ? item : await decodeImage(item, {preprocessor, channels, name});
    parts.push(part);
    count += part.count;
    if (count >= max) break;
  }
  const from = found?.root ?? 'an iterable';
  return taken(joined(parts, from), from, found);
}

function isImages(value: unknown): value is Images {
  return typeof value === 'object' && value !== null && 'data' in value && 'channels' in value;
}

function cut(images: Images, max: number): Images {
  return images.count <= max ? images : pickImages(images, placesOf(images.count, max));
}

/** Of the images taken among all of them. */
function placesOf(total: number, max: number): number[] {
  return spread([Array.from({length: total}, (_, at) => at)], max);
}

function joined(parts: readonly Images[], from: string): Images {
  const first = parts[0];
  if (!first) throw new InvarianceError('bad_probes', `${from} holds no images`);
  const size = ({channels, height, width}: Images) => `${channels} × ${height} × ${width}`;
  for (const part of parts)
    if (size(part) !== size(first))
      throw new InvarianceError(
        'bad_probes',
        `${from} holds images of ${size(first)} and of ${size(part)}; resize them to one size`,
      );
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const data = new Float32Array((count * first.data.length) / first.count);
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return {...first, count, data};
}
