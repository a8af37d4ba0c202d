import type {Preprocessor, Size} from '../models/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import type {Images} from '../types.js';
import {resample, type Picture} from './resample.js';

/**
 * One image file as the model's image processor would make it: resized, cropped at its centre, RGB (or grey for one
 * channel), pixels in [0, 1]. Without a preprocessor it keeps its size. Transparency and orientation tags are ignored,
 * as by Pillow.
 *
 * @param image path or encoded bytes.
 * @param name of the image in errors.
 * @throws InvarianceError `bad_probes`, naming the file, where it cannot be decoded.
 */
export async function decodeImage(
  image: string | Uint8Array,
  {preprocessor, channels, name}: {preprocessor?: Preprocessor | undefined; channels: number; name: string},
): Promise<Images> {
  const decoded = await decode(image, channels).catch((error: unknown) => {
    throw new InvarianceError(
      'bad_probes',
      `image ${name} cannot be read (${messageOf(error)}); remove or replace it`,
      {cause: error},
    );
  });
  const {height, width, data} = preprocessor ? fitted(decoded, preprocessor) : decoded;
  const planes = new Float32Array(channels * height * width);
  for (let pixel = 0; pixel < height * width; pixel++)
    for (let channel = 0; channel < channels; channel++)
      planes[channel * height * width + pixel] = data[pixel * channels + channel]! / 255;
  return {count: 1, channels, height, width, data: planes};
}

async function decode(image: string | Uint8Array, channels: number): Promise<Picture> {
  // A native library: whoever brings probes as tensors does without it.
  const {default: sharp} = await import('sharp');
  const {data, info} = await sharp(image, {failOn: 'error'})
    .removeAlpha()
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({depth: 'uchar'})
    .toBuffer({resolveWithObject: true});
  if (info.channels !== channels) throw new Error(`it has ${info.channels} channels, not ${channels}`);
  return {height: info.height, width: info.width, channels, data};
}

function fitted(picture: Picture, {resize, size, resample: filter}: Preprocessor): Picture {
  if (resize === null) return centred(picture, size);
  const shortest = Math.min(picture.height, picture.width);
  const side = (length: number, edge: number) => Math.trunc((edge * length) / shortest);
  const target =
    'shortestEdge' in resize
      ? {height: side(picture.height, resize.shortestEdge), width: side(picture.width, resize.shortestEdge)}
      : resize;
  return centred(resample(picture, target, filter), size);
}

/** The middle of a picture; where it is smaller than asked, in the middle of black. */
function centred(picture: Picture, size: Size): Picture {
  if (picture.height === size.height && picture.width === size.width) return picture;
  const {channels} = picture;
  // An odd pixel goes to the far side when cropping and to the near side when padding, as in transformers.
  const top = Math.floor((picture.height - size.height) / 2);
  const left = Math.floor((picture.width - size.width) / 2);
  const data = new Uint8Array(size.height * size.width * channels);
  for (let y = Math.max(0, -top); y < Math.min(size.height, picture.height - top); y++) {
    const [from, to] = [Math.max(0, left), Math.min(picture.width, left + size.width)];
    const row = picture.data.subarray(
      ((y + top) * picture.width + from) * channels,
      ((y + top) * picture.width + to) * channels,
    );
    data.set(row, (y * size.width + from - left) * channels);
  }
  return {...size, channels, data};
}
