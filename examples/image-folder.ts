import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import sharp from 'sharp';

/** Images in memory: pixels (count, size, size, 3) in [0, 1], and the index of each one's class. */
export interface ImageSet {
  count: number;
  pixels: Float32Array;
  labels: Int32Array;
}

/**
 * Reads a folder that holds one folder of images for each class; classes alternate, so that any batch holds all. */
export async function readImageFolder(
  folder: string,
  {size, classes, perClass = Infinity}: {size: number; classes: readonly string[]; perClass?: number},
): Promise<ImageSet> {
  const files = await Promise.all(
    classes.map(async name =>
      (await readdir(join(folder, name)))
        .sort()
        .slice(0, perClass)
        .map(file => join(folder, name, file)),
    ),
  );
  const longest = Math.max(...files.map(({length}) => length));
  const order = Array.from({length: longest}, (_, i) =>
    files.flatMap((own, label) => (i < own.length ? [{file: own[i]!, label}] : [])),
  ).flat();

  const pixels = new Float32Array(order.length * size * size * 3);
  for (const [i, {file}] of order.entries()) {
    const bytes = await sharp(file).resize(size, size).removeAlpha().toColourspace('srgb').raw().toBuffer();
    pixels.set(
      Float32Array.from(bytes, byte => byte / 255),
      i * bytes.length,
    );
  }
  return {count: order.length, pixels, labels: Int32Array.from(order, ({label}) => label)};
}
