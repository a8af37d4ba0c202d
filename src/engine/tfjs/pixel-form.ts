import {InvarianceError} from '../../errors.js';
import type {Engine} from '../contract.js';
import type {LayersModel, Tensor, Tf} from './tf.js';

/**
 * How a model takes images. Pixels in [0, 1] are clamped, mapped to `range`, then normalised: (pixel − mean) / std.
 */
export interface PixelForm {
  /** Order of the axes. Default `NHWC`. */
  layout?: 'NHWC' | 'NCHW';
  /** What black and white are. Default [0, 1]. */
  range?: readonly [number, number];
  /** In units of `range`, one number or one a channel. Default 0. */
  mean?: number | readonly number[];
  /** The same. Default 1. */
  std?: number | readonly number[];
}

export const PIXEL_FORM = {layout: 'NHWC', range: [0, 1], mean: 0, std: 1} as const;

/**
 * The size of the model's images.
 * @throws InvarianceError `bad_model` for a model without one image input of fixed size.
 */
export function imageSize(model: LayersModel, layout: 'NHWC' | 'NCHW'): Engine['input'] {
  const {inputs} = model;
  const shape = inputs[0]!.shape.slice(1);
  const [a, b, c] = shape;
  if (inputs.length !== 1 || shape.length !== 3 || !a || !b || !c) {
    const shapes = inputs.map(input => `[${input.shape.map(size => size ?? 'null').join(', ')}]`);
    throw new InvarianceError(
      'bad_model',
      `model ${model.name} takes ${shapes.join(' and ')}; one input of images of fixed size is needed`,
    );
  }
  return layout === 'NHWC' ? {height: a, width: b, channels: c} : {channels: a, height: b, width: c};
}

/** (n, C, H, W) pixels in [0, 1] to the model's input, differentiably. */
export function preparer(tf: Tf, form: Required<PixelForm>, channels: number): (pixels: Tensor) => Tensor {
  const perChannel = (name: 'mean' | 'std') => {
    const values = [form[name]].flat();
    if (values.length === 1) return new Array<number>(channels).fill(values[0]!);
    if (values.length === channels) return values;
    throw new InvarianceError(
      'bad_option',
      `input.${name} has ${values.length} numbers for ${channels} channels`,
    );
  };
  const [black, white] = form.range;
  const [mean, std] = [perChannel('mean'), perChannel('std')];
  const scale = std.map(each => [[(white - black) / each]]);
  const shift = mean.map((each, channel) => [[(black - each) / std[channel]!]]);
  return pixels => {
    const normalised = tf.add(tf.mul(tf.clipByValue(pixels, 0, 1), tf.tensor3d(scale)), tf.tensor3d(shift));
    return form.layout === 'NHWC' ? tf.transpose(normalised, [0, 2, 3, 1]) : normalised;
  };
}
