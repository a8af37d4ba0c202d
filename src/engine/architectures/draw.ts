import type {Random} from '../../random.js';
import {numberOf} from './config.js';
import type {Draw, Drawing} from './spec.js';

/**
 * What most transformers models do: zeros for biases, ones for norms, else normal with `initializer_range`. Theirs is
 * a normal cut at ±2, which at a deviation of 0.02 cuts nothing.
 */
export function transformersDraw(name: string, {config}: Pick<Drawing, 'config'>): Draw {
  if (name.endsWith('.bias')) return {fill: 0};
  if (/norm[^.]*\.weight$/.test(name)) return {fill: 1};
  return {std: numberOf(config, 'initializer_range', 0.02)};
}

/** The same, with tokens and positions at zero. */
export function zeroTokensDraw(name: string, drawing: Pick<Drawing, 'config'>): Draw {
  return /tokens?$|^pos_embed$|positions$/.test(name) ? {fill: 0} : transformersDraw(name, drawing);
}

/** Uniform by the number of inputs and outputs of a linear map (Glorot & Bengio 2010). */
export function glorotDraw([out, inputs]: readonly number[]): Draw {
  return {bound: Math.sqrt(6 / (out! + inputs!))};
}

/** Numbers drawn as a `Draw` says. */
export function drawn(draw: Draw, count: number, random: Random): Float32Array {
  if (draw instanceof Float32Array) return draw.slice();
  if ('fill' in draw) return new Float32Array(count).fill(draw.fill);
  const one =
    'bound' in draw ? () => (2 * random.uniform() - 1) * draw.bound : () => random.normal() * draw.std;
  return Float32Array.from({length: count}, one);
}
