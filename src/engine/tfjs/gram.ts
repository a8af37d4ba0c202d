import {isConstant} from '../../rounding.js';
import type {Features, Gram} from '../../types.js';
import type {Tf} from './tf.js';

/** Columns a product: few enough that its float32 sums keep 1e-6, enough that the matMul is not idle. */
const COLUMNS = 2048;

/** Inner products of column-centred features: centred and summed in float64 on the host, multiplied on the device. */
export async function gramOf(tf: Tf, features: Features): Promise<Gram> {
  const {count: n, width, data} = features;
  const sum = new Float64Array(n * n);
  if (isConstant(features)) return {n, data: sum};
  for (let start = 0; start < width; start += COLUMNS) {
    const columns = Math.min(COLUMNS, width - start);
    const centred = new Float32Array(n * columns);
    for (let column = 0; column < columns; column++) {
      let mean = 0;
      for (let row = 0; row < n; row++) mean += data[row * width + start + column]! / n;
      for (let row = 0; row < n; row++) {
        centred[row * columns + column] = data[row * width + start + column]! - mean;
      }
    }
    const product = tf.tidy(() => {
      const part = tf.tensor2d(centred, [n, columns]);
      return tf.matMul(part, tf.transpose(part));
    });
    try {
      (await product.data()).forEach((value, i) => (sum[i]! += value));
    } finally {
      product.dispose();
    }
  }
  return {n, data: sum.map((value, i) => (value + sum[(i % n) * n + Math.floor(i / n)]!) / 2)};
}
