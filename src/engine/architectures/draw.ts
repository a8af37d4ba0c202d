import type {Random} from '../../random.js';
import type {HfConfig} from '../weights/index.js';
import {numberOf} from './config.js';
import type {Draw, Spec} from './spec.js';

/**
 * What most transformers models do: zeros for biases, ones for norms, else normal with `initializer_range`. Theirs is
 * a normal cut at ±2, which at a deviation of 0.02 cuts nothing.
 */
export function transformersDraw(
  name: string,
  _shape: readonly number[],
  _spec: Spec,
  config: HfConfig,
): Draw {
  if (name.endsWith('.bias')) return {fill: 0};
  if (/norm[^.]*\.weight$/.test(name)) return {fill: 1};
  return {std: numberOf(config, 'initializer_range', 0.02)};
}

/** Numbers drawn as a `Draw` says. */
export function drawn(draw: Draw, count: number, random: Random): Float32Array {
  if (draw instanceof Float32Array) return draw;
  if ('fill' in draw) return new Float32Array(count).fill(draw.fill);
  if ('bound' in draw)
    return Float32Array.from({length: count}, () => (2 * random.uniform() - 1) * draw.bound);
  return Float32Array.from({length: count}, () => random.normal() * draw.std);
}
