import type {Tensor, Tf} from './tf.js';

type Pool = Parameters<Tf['backend_util']['computePool2DInfo']>;

/** Attributes of TensorFlow.js's MaxPoolGrad kernel. */
export interface PoolAttributes {
  filterSize: Pool[1];
  strides: Pool[2];
  pad: Pool[4];
  dimRoundingMode: Pool[5];
}

/** Each window's dy goes to the first of its largest pixels, (n, H, W, C), on the host. */
export function maxPoolGradient(
  tf: Tf,
  {dy, input}: {dy: Tensor; input: Tensor},
  attrs: PoolAttributes,
): Tensor {
  const {filterSize, strides, pad, dimRoundingMode} = attrs;
  const info = tf.backend_util.computePool2DInfo(
    input.shape as Pool[0],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const {batchSize, outHeight, outWidth, inHeight, inWidth, inChannels, filterHeight, filterWidth} = info;
  const {strideHeight, strideWidth, padInfo} = info;
  const [x, slope] = [input.dataSync(), dy.dataSync()];
  const dx = new Float32Array(x.length);
  let at = 0;
  for (let n = 0; n < batchSize; n++) {
    for (let row = 0; row < outHeight; row++) {
      for (let column = 0; column < outWidth; column++) {
        for (let channel = 0; channel < inChannels; channel++) {
          dx[largest(n, row * strideHeight - padInfo.top, column * strideWidth - padInfo.left, channel)]! +=
            slope[at++]!;
        }
      }
    }
  }
  return tf.tensor(dx, input.shape);

  function largest(n: number, top: number, left: number, channel: number): number {
    let found = -1;
    for (let y = Math.max(top, 0); y < Math.min(top + filterHeight, inHeight); y++) {
      for (let z = Math.max(left, 0); z < Math.min(left + filterWidth, inWidth); z++) {
        const pixel = ((n * inHeight + y) * inWidth + z) * inChannels + channel;
        if (found < 0 || x[pixel]! > x[found]!) found = pixel;
      }
    }
    return found;
  }
}
