/** Rows of any float width: what an engine returns, or a user's own float64 features. */
export interface FeatureRows {
  /** n, one row an image. */
  readonly count: number;
  /** p, values a row. */
  readonly width: number;
  /** Row-major (count, width). */
  readonly data: Float32Array | Float64Array;
}

/** A layer counts as constant when its centred norm is under this many rounding steps of its raw norm. */
const CONSTANT_WITHIN_ULPS = 8;

/**
 * Whether the rows are the same but for the rounding of their type: no statistic means anything on what is left of them.
 * Whoever makes a Gram asks this first, since a Gram shows no more what it was rounded from.
 */
export function isConstant({count, width, data}: FeatureRows): boolean {
  const means = new Float64Array(width);
  for (let at = 0; at < data.length; at++) means[at % width]! += data[at]! / count;
  let spread = 0;
  for (let at = 0; at < data.length; at++) spread += (data[at]! - means[at % width]!) ** 2;
  return isRounding(spread, energyOf(data), data);
}

/** Whether centred values are no more than the rounding of the raw values they come from; energies are sums of squares. */
export function isRounding(centredEnergy: number, rawEnergy: number, data: FeatureRows['data']): boolean {
  const ulp = data instanceof Float32Array ? 2 ** -23 : 2 ** -52;
  return centredEnergy <= (CONSTANT_WITHIN_ULPS * ulp) ** 2 * rawEnergy;
}

/** Sum of squares. */
export function energyOf(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}
