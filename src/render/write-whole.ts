import {rename, writeFile} from 'node:fs/promises';
import {drawPng} from './png.js';

/** A file that appears whole or not at all. Returns its path. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<string> {
  const part = `${path}.${process.pid}.part`;
  await writeFile(part, content);
  await rename(part, path);
  return path;
}

/** A picture as `<path>.svg` and `<path>.png`. Returns both paths. */
export async function writePicture(path: string, svg: string): Promise<[svg: string, png: string]> {
  return [await writeWhole(`${path}.svg`, svg), await writeWhole(`${path}.png`, drawPng(svg))];
}
