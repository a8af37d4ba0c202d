import type {Features, Images} from './types.js';

/** Values of one image. */
export function sizeOf({channels, height, width}: Pick<Images, 'channels' | 'height' | 'width'>): number {
  return channels * height * width;
}

/** A copy that shares no memory. */
export function copyOf(images: Images): Images {
  return {...images, data: images.data.slice()};
}

/** The images at these places, in this order. */
export function pickImages(images: Images, places: readonly number[]): Images {
  return {...images, count: places.length, data: pickRows(images.data, sizeOf(images), places)};
}

/** Puts images back where `pickImages` took them from. */
export function putImages(images: Images, places: readonly number[], into: Images): void {
  const size = sizeOf(images);
  places.forEach((place, from) =>
    into.data.set(images.data.subarray(from * size, (from + 1) * size), place * size),
  );
}

/** The rows at these places, in this order. */
export function pickFeatures(features: Features, places: readonly number[]): Features {
  return {...features, count: places.length, data: pickRows(features.data, features.width, places)};
}

function pickRows(data: Float32Array, width: number, places: readonly number[]): Float32Array {
  const picked = new Float32Array(places.length * width);
  places.forEach((place, to) => picked.set(data.subarray(place * width, (place + 1) * width), to * width));
  return picked;
}
