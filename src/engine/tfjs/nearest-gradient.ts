import type {Tensor, Tf} from './tf.js';

/** Attributes of TensorFlow.js's ResizeNearestNeighborGrad kernel. */
export interface NearestAttributes {
  alignCorners: boolean;
  halfPixelCenters?: boolean;
}

/** Each pixel's dy goes to the pixel that it was copied from, (n, H, W, C). On the host. */
export function nearestGradient(
  tf: Tf,
  {dy, images}: {dy: Tensor; images: Tensor},
  {alignCorners, halfPixelCenters = false}: NearestAttributes,
): Tensor {
  const [count, height, width, channels] = images.shape as [number, number, number, number];
  const [, newHeight, newWidth] = dy.shape as [number, number, number];
  /** As the forward kernel finds it. */
  const source = (at: number, from: number, to: number) => {
    const corners = alignCorners && to > 1;
    const place =
      ((at + (halfPixelCenters ? 0.5 : 0)) * (corners ? from - 1 : from)) / (corners ? to - 1 : to);
    return Math.min(from - 1, alignCorners ? Math.round(place) : Math.floor(place));
  };
  const slopes = dy.dataSync();
  const dx = new Float32Array(images.size);
  let at = 0;
  for (let n = 0; n < count; n++) {
    for (let row = 0; row < newHeight; row++) {
      const y = source(row, height, newHeight);
      for (let column = 0; column < newWidth; column++) {
        const to = ((n * height + y) * width + source(column, width, newWidth)) * channels;
        for (let channel = 0; channel < channels; channel++) dx[to + channel]! += slopes[at++]!;
      }
    }
  }
  return tf.tensor(dx, images.shape);
}
