import {reflect} from './reflect.js';
import type {Pixels} from './pixels.js';

/** Mirrored left to right. */
export function flip({width, data}: Pixels): Float32Array {
  return data.map((_, at) => data[at - (at % width) + width - 1 - (at % width)]!);
}

/** Turned clockwise about the image's centre. */
export function rotate(image: Pixels, degrees: number): Float32Array {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return warp(image, (x, y) => [cos * x + sin * y, cos * y - sin * x]);
}

/** Moved by so many pixels, right and down. */
export function shift(image: Pixels, right: number, down: number): Float32Array {
  return warp(image, (x, y) => [x - right, y - down]);
}

/** Enlarged about the image's centre by this factor; under 1 it shrinks. */
export function zoom(image: Pixels, factor: number): Float32Array {
  return warp(image, (x, y) => [x / factor, y / factor]);
}

/**
 * Each pixel is read where `from` says, between four pixels linearly. Beyond its border an image goes on as its mirror
 * image: black corners would tell of the turn.
 *
 * @param from the place in the image of a place in the result, both in pixels from the centre.
 */
function warp(
  {channels, height, width, data}: Pixels,
  from: (x: number, y: number) => readonly [x: number, y: number],
): Float32Array {
  const warped = new Float32Array(data.length);
  const plane = height * width;
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [dx, dy] = from(x - middleX, y - middleY);
      const [left, right, acrossX] = between(middleX + dx, width);
      const [top, bottom, acrossY] = between(middleY + dy, height);
      for (let channel = 0; channel < channels; channel++) {
        const at = (row: number, column: number) => data[channel * plane + row * width + column]!;
        const above = at(top, left) + acrossX * (at(top, right) - at(top, left));
        const below = at(bottom, left) + acrossX * (at(bottom, right) - at(bottom, left));
        warped[channel * plane + y * width + x] = above + acrossY * (below - above);
      }
    }
  return warped;
}

/** The two pixels next to a place on a mirrored line, and how far it is from the first to the second. */
function between(place: number, length: number): [first: number, second: number, share: number] {
  const inside = Math.min(Math.max(reflect(place, length), 0), length - 1);
  const first = Math.floor(inside);
  return [first, Math.min(first + 1, length - 1), inside - first];
}
