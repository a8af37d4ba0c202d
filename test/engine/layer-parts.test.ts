import {expect, it} from 'vitest';
import {layerParts} from '../../src/engine/layer-parts.js';

const MIB = 2 ** 20;

it('layers are taken together as long as their features stay under 512 MiB', () => {
  const widths: Record<string, number> = {a: 50 * MIB, b: 70 * MIB, c: 20 * MIB, d: 200 * MIB, e: 1};
  const widthOf = (layer: string) => widths[layer]!;
  expect(layerParts(Object.keys(widths), {count: 1, widthOf})).toEqual([['a', 'b'], ['c'], ['d'], ['e']]);
  expect(layerParts(['a', 'c', 'e'], {count: 1, widthOf})).toEqual([['a', 'c', 'e']]);
});
