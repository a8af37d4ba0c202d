import type {Tensor, Tf} from './tf.js';

interface Op<T extends Tensor, K extends Tensor[]> {
  value: T;
  /** What the backward pass needs; held by the tape, and only while one is recorded. */
  kept: [...K];
  /** Gradients by input, in order. */
  gradient: (dy: T, kept: K) => Tensor | Tensor[];
}

/** An op whose backward pass is ours: one formula where TensorFlow.js would replay every elementwise step. */
export function withGradient<T extends Tensor, K extends Tensor[]>(
  tf: Tf,
  inputs: Tensor[],
  forward: () => Op<T, K>,
): T {
  return tf.customGrad<T>((...args) => {
    const {value, kept, gradient} = forward();
    (args.at(-1) as (tensors: Tensor[]) => void)(kept);
    return {value, gradFunc: (dy, saved) => gradient(dy, saved as K)};
  })(...inputs);
}
