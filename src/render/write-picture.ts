import {replaceFile} from '../disk/index.js';
import {drawPng} from './png.js';

/**
 * A picture as `<path>.svg` and `<path>.png`. Returns both paths.
 * @throws InvarianceError `io_failed`
 */
export async function writePicture(path: string, svg: string): Promise<[svg: string, png: string]> {
  const paths: [string, string] = [`${path}.svg`, `${path}.png`];
  await replaceFile(paths[0], svg);
  await replaceFile(paths[1], drawPng(svg));
  return paths;
}
