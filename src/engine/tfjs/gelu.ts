import type {Tensor, Tf} from './tf.js';
import {withGradient} from './with-gradient.js';

/** x · Φ(x), Φ the standard normal distribution by erf (Hendrycks & Gimpel 2016), as `hidden_act: "gelu"` means it. */
export function gelu(tf: Tf, x: Tensor): Tensor {
  return withGradient(tf, [x], () => {
    const cdf = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
    return {
      value: tf.mul(x, cdf),
      kept: [x, cdf],
      gradient: (dy: Tensor, [at, below]: [Tensor, Tensor]) => {
        const density = tf.mul(tf.exp(tf.mul(tf.square(at), -0.5)), 1 / Math.sqrt(2 * Math.PI));
        return tf.mul(dy, tf.add(below, tf.mul(at, density)));
      },
    };
  });
}
