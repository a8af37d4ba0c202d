import type {Tensor} from '@tensorflow/tfjs';
import type {Tf} from '../engine/index.js';
import {InvarianceError} from '../errors.js';
import type {Images} from '../types.js';
import type {ProbeSource} from './load-probes.js';

/** A batch of the user's data: a tensor, or what `tf.data` yields, `{xs, ys}`. */
export type TensorBatch = Tensor | {xs: Tensor};

/** What `tf.data.Dataset` is, as far as taking images from it goes. */
export interface TensorDataset {
  /** One batch after another, as `tf.data.Dataset` gives them. */
  iterator(): Promise<{next(): Promise<{value: unknown; done?: boolean | undefined}>}>;
}

/**
 * Probes as a TensorFlow.js user has them: a folder, `FILE.safetensors:key`, a tensor (n, H, W, C) in [0, 1], a
 * `tf.data` dataset, or anything that yields such tensors, images (H, W, C), files or `Images`.
 */
export type MonitorProbes =
  ProbeSource | Tensor | TensorDataset | Iterable<TensorBatch> | AsyncIterable<TensorBatch>;

/** The same probes for a room that knows no tensors: NHWC becomes NCHW, value by value. */
export async function withoutTensors(tf: Tf, probes: MonitorProbes): Promise<ProbeSource> {
  if (typeof probes === 'string') return probes;
  if (probes instanceof tf.Tensor) return imagesOf(probes);
  if (isDataset(probes)) return eachOf(tf, batchesOf(probes), {dispose: true});
  if (Symbol.iterator in probes || Symbol.asyncIterator in probes) {
    return eachOf(tf, probes as Iterable<unknown> | AsyncIterable<unknown>, {dispose: false});
  }
  return probes;
}

function isDataset(value: object): value is TensorDataset {
  return 'iterator' in value && typeof value.iterator === 'function';
}

async function* batchesOf(dataset: TensorDataset): AsyncGenerator<unknown> {
  const batches = await dataset.iterator();
  for (let next = await batches.next(); !next.done; next = await batches.next()) yield next.value;
}

/** @param dispose the batches were made for us alone, as a dataset's are */
async function* eachOf(
  tf: Tf,
  batches: Iterable<unknown> | AsyncIterable<unknown>,
  {dispose}: {dispose: boolean},
): AsyncGenerator<Images | string | Uint8Array> {
  for await (const batch of batches) {
    const images = isBatch(batch) ? batch.xs : batch;
    try {
      yield images instanceof tf.Tensor
        ? await imagesOf(images as Tensor)
        : (images as Images | string | Uint8Array);
    } finally {
      // Also where enough probes are taken before the dataset ends.
      if (dispose) tf.dispose(batch as Tensor);
    }
  }
}

function isBatch(value: unknown): value is {xs: unknown} {
  return typeof value === 'object' && value !== null && 'xs' in value;
}

async function imagesOf(tensor: Tensor): Promise<Images> {
  const [count, height, width, channels] = tensor.rank === 3 ? [1, ...tensor.shape] : tensor.shape;
  if (tensor.rank < 3 || tensor.rank > 4) {
    throw new InvarianceError(
      'bad_probes',
      `probes of shape [${tensor.shape.join(', ')}] are no images; give a tensor [n, height, width, channels]`,
    );
  }
  const source = await tensor.data();
  const data = new Float32Array(source.length);
  const pixels = height! * width!;
  for (let image = 0, from = 0; image < count!; image++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let channel = 0; channel < channels!; channel++) {
        data[(image * channels! + channel) * pixels + pixel] = source[from++]!;
      }
    }
  }
  return {count: count!, channels: channels!, height: height!, width: width!, data};
}
