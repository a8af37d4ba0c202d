import type {Matrix} from './matrix.js';

export interface LowRankUpdate {
  /** [out, in]; with `transposed`, [in, out]. */
  readonly weight: Matrix;
  readonly transposed: boolean;
  /** [r, in] */
  readonly a: Matrix;
  /** [out, r] */
  readonly b: Matrix;
  readonly scaling: number;
  /** DoRA's magnitudes [out]; without them, plain LoRA. */
  readonly magnitude: Float32Array | undefined;
}

/**
 * W' = W + s·B·A (LoRA, Hu et al. 2021, arXiv 2106.09685, eq. 3), or with magnitudes
 * W' = m · (W + s·B·A) / ‖W + s·B·A‖ with norms over each output's row (DoRA, Liu et al. 2024, arXiv 2402.09353, eq. 5).
 * Summed in float64 and rounded to float32 once. Costs out · in · r multiplications; W is not changed.
 */
export function addLowRank({weight, transposed, a, b, scaling, magnitude}: LowRankUpdate): Float32Array {
  const merged = new Float32Array(weight.data.length);
  const row = new Float64Array(a.columns);
  const [outer, inner] = transposed ? [1, weight.columns] : [weight.columns, 1];
  for (let o = 0; o < b.rows; o++) {
    row.fill(0);
    for (let k = 0; k < a.rows; k++) {
      const factor = scaling * b.data[o * b.columns + k]!;
      for (let i = 0; i < a.columns; i++) row[i]! += factor * a.data[k * a.columns + i]!;
    }
    let squares = 0;
    for (let i = 0; i < a.columns; i++) {
      const value = row[i]! + weight.data[o * outer + i * inner]!;
      row[i] = value;
      squares += value * value;
    }
    const gain = magnitude === undefined ? 1 : magnitude[o]! / Math.sqrt(squares);
    for (let i = 0; i < a.columns; i++) merged[o * outer + i * inner] = gain * row[i]!;
  }
  return merged;
}
