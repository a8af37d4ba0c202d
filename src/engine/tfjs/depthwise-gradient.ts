import type {Tensor, Tf} from './tf.js';

type Convolution = Parameters<Tf['backend_util']['computeConv2DInfo']>;

/** Attributes of TensorFlow.js's DepthwiseConv2dNativeBackpropInput kernel. */
export interface DepthwiseAttributes {
  inputShape: Convolution[0];
  strides: Convolution[2];
  dilations: Convolution[3];
  pad: Convolution[4];
  dimRoundingMode?: Convolution[5];
}

/** Each output channel's dy, times the filter, on the pixels that it was made of, (n, H, W, C). On the host. */
export function depthwiseInputGradient(
  tf: Tf,
  {dy, filter}: {dy: Tensor; filter: Tensor},
  {inputShape, strides, dilations, pad, dimRoundingMode}: DepthwiseAttributes,
): Tensor {
  const info = tf.backend_util.computeConv2DInfo(
    inputShape,
    filter.shape as Convolution[1],
    strides,
    dilations,
    pad,
    dimRoundingMode,
    true,
  );
  const {batchSize, outHeight, outWidth, outChannels, inHeight, inWidth, inChannels} = info;
  const {filterHeight, filterWidth, padInfo} = info;
  const [slopes, weights] = [dy.dataSync(), filter.dataSync()];
  const dx = new Float32Array(batchSize * inHeight * inWidth * inChannels);
  const multiplier = outChannels / inChannels;
  for (let n = 0; n < batchSize; n++) {
    for (let row = 0; row < outHeight; row++) {
      for (let column = 0; column < outWidth; column++) {
        const from = ((n * outHeight + row) * outWidth + column) * outChannels;
        for (let i = 0; i < filterHeight; i++) {
          const y = row * info.strideHeight - padInfo.top + i * info.dilationHeight;
          if (y < 0 || y >= inHeight) continue;
          for (let j = 0; j < filterWidth; j++) {
            const x = column * info.strideWidth - padInfo.left + j * info.dilationWidth;
            if (x < 0 || x >= inWidth) continue;
            const to = ((n * inHeight + y) * inWidth + x) * inChannels;
            const cell = (i * filterWidth + j) * outChannels;
            for (let channel = 0; channel < outChannels; channel++)
              dx[to + Math.floor(channel / multiplier)]! +=
                slopes[from + channel]! * weights[cell + channel]!;
          }
        }
      }
    }
  }
  return tf.tensor(dx, inputShape);
}
