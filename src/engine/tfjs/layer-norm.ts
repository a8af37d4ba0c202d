import type {Tensor, Tf} from './tf.js';
import {withGradient} from './with-gradient.js';

/** (x − mean) / √(variance + epsilon) · gamma + beta over the last axis of rows (N, D); Ba et al. 2016. */
export function layerNorm(
  tf: Tf,
  x: Tensor,
  {gamma, beta, epsilon}: {gamma: Tensor; beta: Tensor; epsilon: number},
): Tensor {
  const unit = withGradient(tf, [x], () => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
    const value = tf.mul(centred, scale);
    return {
      value,
      kept: [value, scale],
      gradient: (dy: Tensor, [y, factor]: [Tensor, Tensor]) => {
        const along = tf.mul(y, tf.mean(tf.mul(dy, y), -1, true));
        return tf.mul(tf.sub(tf.sub(dy, tf.mean(dy, -1, true)), along), factor);
      },
    };
  });
  return tf.add(tf.mul(unit, gamma), beta);
}
