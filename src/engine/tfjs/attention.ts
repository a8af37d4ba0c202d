import type {Tensor, Tf} from './tf.js';
import {withGradient} from './with-gradient.js';

/**
 * softmax(q·kᵀ / √d)·v by heads (Vaswani et al. 2017). Rows are the tokens of `batch` images, one image after the
 * other: q, k, v and the result are (batch · T, heads · d).
 */
export function attention(
  tf: Tf,
  {q, k, v, batch, heads}: {q: Tensor; k: Tensor; v: Tensor; batch: number; heads: number},
): Tensor {
  const [rows, width] = q.shape as [number, number];
  const scale = 1 / Math.sqrt(width / heads);
  const split = (x: Tensor): Tensor =>
    tf.transpose(tf.reshape(x, [batch, rows / batch, heads, width / heads]), [0, 2, 1, 3]);
  const join = (x: Tensor): Tensor => tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [rows, width]);

  return withGradient(tf, [q, k, v], () => {
    const heads = [split(tf.mul(q, scale)), split(k), split(v)] as const;
    const weights = tf.softmax(tf.matMul(heads[0], heads[1], false, true));
    const mixed = tf.matMul(weights, heads[2]);
    return {
      value: join(mixed),
      kept: [...heads, weights, mixed],
      gradient: (dy: Tensor, [qs, ks, vs, p, o]: [Tensor, Tensor, Tensor, Tensor, Tensor]) => {
        const dO = split(dy);
        const dP = tf.matMul(dO, vs, false, true);
        // Σ p·dP along a row equals Σ dO·o of that row: a sum over d instead of over T.
        const dS = tf.mul(p, tf.sub(dP, tf.sum(tf.mul(dO, o), -1, true)));
        return [
          tf.mul(join(tf.matMul(dS, ks)), scale),
          join(tf.matMul(dS, qs, true, false)),
          join(tf.matMul(p, dO, true, false)),
        ];
      },
    };
  });
}
