import type {Tensor, Tf} from './tf.js';
import {withGradient} from './with-gradient.js';

/**
 * ‖f − target‖₂ / ‖target‖₂ of each row of (n, p) features, differentiable in f; 0 has a gradient of 0. The sums are taken
 * on the host in float64: the wasm backend's lose 1e-4 over 2^18 numbers.
 */
export function relativeError(tf: Tf, features: Tensor, target: Float32Array): Tensor {
  const [n = 0, p = 0] = features.shape;
  return withGradient(tf, [features], () => {
    const own = features.dataSync();
    const loss = new Float32Array(n);
    const slope = new Float32Array(n * p);
    for (let row = 0; row < n; row++) {
      let [distance, size] = [0, 0];
      for (let i = row * p; i < (row + 1) * p; i++) {
        distance += (own[i]! - target[i]!) ** 2;
        size += target[i]! ** 2;
      }
      loss[row] = Math.sqrt(distance / size);
      const factor = distance > 0 ? 1 / Math.sqrt(distance * size) : 0;
      for (let i = row * p; i < (row + 1) * p; i++) slope[i] = (own[i]! - target[i]!) * factor;
    }
    return {
      value: tf.tensor(loss),
      kept: [tf.tensor(slope, [n, p])],
      gradient: (dy: Tensor, [direction]: [Tensor]) => tf.mul(direction, tf.reshape(dy, [n, 1])),
    };
  });
}
