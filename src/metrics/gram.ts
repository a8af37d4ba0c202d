import {InvarianceError} from '../errors.js';
import {isConstant, type FeatureRows} from '../rounding.js';
import type {Gram} from '../types.js';

/**
 * Gram matrix of column-centred features, in float64: the column means go first, since inner products of float32
 * features with a large mean cancel. A layer that is constant up to the rounding of its own type gives zeros, so that
 * no statistic is computed on rounding noise.
 *
 * @param features (n, p).
 * @returns (n, n); costs n²p/2 multiplications.
 * @throws InvarianceError `bad_option` where the values do not fill n × p.
 * @example
 * import {gramOf} from 'wandb-invariance/metrics';
 *
 * const gram = gramOf({count: 3, width: 2, data: Float32Array.of(0, 0, 3, 0, 0, 3)});
 * console.log(gram.n, gram.data); // 3, and 9 inner products of the centred rows
 */
export function gramOf(features: FeatureRows): Gram {
  const {count: n, width, data} = features;
  if (data.length !== n * width) {
    throw new InvarianceError('bad_option', `features of ${data.length} values are not ${n} × ${width}`);
  }
  const gram = new Float64Array(n * n);
  if (isConstant(features)) return {n, data: gram};
  const rows = centredRows(features);
  for (let i = 0; i < n; i++) {
    const first = rows.subarray(i * width, (i + 1) * width);
    for (let j = i; j < n; j++) {
      const second = rows.subarray(j * width, (j + 1) * width);
      let sum = 0;
      for (let k = 0; k < width; k++) sum += first[k]! * second[k]!;
      gram[i * n + j] = sum;
      gram[j * n + i] = sum;
    }
  }
  return {n, data: gram};
}

/** The same images in another order, or some of them: entry [a, b] is K[indices[a], indices[b]]. */
export function selectImages(gram: Gram, indices: ArrayLike<number>): Gram {
  const n = indices.length;
  const data = new Float64Array(n * n);
  for (let a = 0; a < n; a++) {
    const row = indices[a]! * gram.n;
    for (let b = 0; b < n; b++) data[a * n + b] = gram.data[row + indices[b]!]!;
  }
  return {n, data};
}

/** Mean over the images, p values. */
export function meanRow({count, width, data}: FeatureRows): Float64Array {
  const mean = new Float64Array(width);
  for (let i = 0; i < count; i++) for (let k = 0; k < width; k++) mean[k]! += data[i * width + k]! / count;
  return mean;
}

/** (n, p), row-major, less a row: by default less their own mean. */
export function centredRows(features: FeatureRows, mean = meanRow(features)): Float64Array {
  const {count, width, data} = features;
  const rows = new Float64Array(count * width);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < width; k++) rows[i * width + k] = data[i * width + k]! - mean[k]!;
  }
  return rows;
}
