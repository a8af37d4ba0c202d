import {seededRandom} from '../random.js';

/**
 * Draws of Student's t, the same stream each time (and not that of the half-samples): a normal over the root of a mean of squared normals. Zeros for no degree
 * of freedom, where the error of a mean is not known.
 */
export function studentDraws(freedom: number): () => number {
  if (freedom < 1) return () => 0;
  const random = seededRandom(1);
  return () => {
    let squares = 0;
    for (let k = 0; k < freedom; k++) squares += random.normal() ** 2;
    return random.normal() / Math.sqrt(squares / freedom);
  };
}

/** 97.5 % quantile of Student's t: the table's values, beyond which it is the normal's with Cornish and Fisher's correction. */
export function studentQuantile(freedom: number): number {
  const z = 1.959964;
  return (
    TABLE[freedom - 1] ??
    z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
  );
}

const TABLE = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622];
