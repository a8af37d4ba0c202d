import type {LayerName} from '../types.js';

/** Bytes of features held at once while Grams are taken; layers that do not fit take another forward pass. */
const FEATURE_BYTES = 512 * 2 ** 20;

/** Consecutive layers whose features fit into memory together. */
export function layerParts(
  layers: readonly LayerName[],
  {count, widthOf}: {count: number; widthOf: (layer: LayerName) => number},
): LayerName[][] {
  const parts: LayerName[][] = [];
  let free = 0;
  for (const layer of layers) {
    const bytes = Float32Array.BYTES_PER_ELEMENT * count * widthOf(layer);
    if (bytes > free || parts.length === 0) {
      parts.push([]);
      free = FEATURE_BYTES;
    }
    parts.at(-1)!.push(layer);
    free -= bytes;
  }
  return parts;
}
