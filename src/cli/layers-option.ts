import type {LayerSelection} from '../engine/index.js';

/** `block_*,norm` or `/^block_0[0-3]$/`; given more than once, all of them. */
export function layersOption(text: string, before: LayerSelection = []): LayerSelection {
  const pattern = /^\/(.*)\/$/.exec(text);
  return [...before, ...(pattern ? [new RegExp(pattern[1]!)] : text.split(','))];
}
