import type {Tensor, Tf} from './tf.js';

type Pool = Parameters<Tf['backend_util']['computePool2DInfo']>;

/** Attributes of TensorFlow.js's MaxPoolGrad and AvgPoolGrad kernels. */
export interface PoolAttributes {
  filterSize: Pool[1];
  strides: Pool[2];
  pad: Pool[4];
  dimRoundingMode?: Pool[5];
}

export interface PoolInputs {
  /** (n, H', W', C) */
  dy: Tensor;
  /** (n, H, W, C) */
  input: Tensor;
}

/** Each window's dy goes to the first of its largest pixels. On the host. */
export function maxPoolGradient(tf: Tf, inputs: PoolInputs, attributes: PoolAttributes): Tensor {
  const x = inputs.input.dataSync();
  return poolGradient(tf, inputs, attributes, (dx, slope, pixels) => {
    const largest = pixels.reduce((most, pixel) => (x[pixel]! > x[most]! ? pixel : most));
    dx[largest]! += slope;
  });
}

/** Each window's dy is shared by its pixels, of which padding is none. On the host. */
export function averagePoolGradient(tf: Tf, inputs: PoolInputs, attributes: PoolAttributes): Tensor {
  return poolGradient(tf, inputs, attributes, (dx, slope, pixels) => {
    for (const pixel of pixels) dx[pixel]! += slope / pixels.length;
  });
}

/** Calls `share` for every window and channel with its slope and the numbers of its pixels, which are valid in the call. */
function poolGradient(
  tf: Tf,
  {dy, input}: PoolInputs,
  {filterSize, strides, pad, dimRoundingMode}: PoolAttributes,
  share: (dx: Float32Array, slope: number, pixels: readonly number[]) => void,
): Tensor {
  const info = tf.backend_util.computePool2DInfo(
    input.shape as Pool[0],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const {batchSize, outHeight, outWidth, inHeight, inWidth, inChannels, filterHeight, filterWidth} = info;
  const slopes = dy.dataSync();
  const dx = new Float32Array(input.size);
  const pixels: number[] = [];
  let at = 0;
  for (let n = 0; n < batchSize; n++) {
    for (let row = 0; row < outHeight; row++) {
      const top = row * info.strideHeight - info.padInfo.top;
      for (let column = 0; column < outWidth; column++) {
        const left = column * info.strideWidth - info.padInfo.left;
        for (let channel = 0; channel < inChannels; channel++) {
          pixels.length = 0;
          for (let y = Math.max(top, 0); y < Math.min(top + filterHeight, inHeight); y++) {
            for (let x = Math.max(left, 0); x < Math.min(left + filterWidth, inWidth); x++)
              pixels.push(((n * inHeight + y) * inWidth + x) * inChannels + channel);
          }
          share(dx, slopes[at++]!, pixels);
        }
      }
    }
  }
  return tf.tensor(dx, input.shape);
}
