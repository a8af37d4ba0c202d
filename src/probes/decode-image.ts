import type {Preprocessor, Size} from '../models/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import type {Images} from '../types.js';
import {resample, type Picture} from './resample.js';

/**
 * One image file as the model's image processor would make it: resized, cropped at its centre, RGB (or grey for one
 * channel), pixels in [0, 1]. Without a preprocessor it keeps its size. Transparency, orientation tags and colour profiles
 * are ignored, as by Pillow.
 *
 * @param image path or encoded bytes.
 * @param name of the image in errors.
 * @throws InvarianceError `bad_probes`, naming the file, where it cannot be decoded, or is no square and the processor
 *   makes no square of it.
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
  const {height, width, data} = preprocessor ? fitted(decoded, preprocessor, name) : decoded;
  const planes = new Float32Array(channels * height * width);
  for (let pixel = 0; pixel < height * width; pixel++)
    for (let channel = 0; channel < channels; channel++)
      planes[channel * height * width + pixel] = data[pixel * channels + channel]! / 255;
  return {count: 1, channels, height, width, data: planes};
}

async function decode(image: string | Uint8Array, channels: number): Promise<Picture> {
  // A native library: whoever brings probes as tensors does without it.
  const {default: sharp} = await import('sharp');
  const opened = sharp(image, {failOn: 'error', ignoreIcc: true});
  const isCmyk = (await opened.metadata()).space === 'cmyk';
  const {data, info} = await (isCmyk ? opened.pipelineColourspace('cmyk') : opened.removeAlpha())
    .toColourspace(isCmyk ? 'cmyk' : channels === 1 ? 'b-w' : 'srgb')
    .raw({depth: 'uchar'})
    .toBuffer({resolveWithObject: true});
  if (isCmyk && channels === 3)
    return {height: info.height, width: info.width, channels, data: rgbOfCmyk(data)};
  if (info.channels !== channels) throw new Error(`it has ${info.channels} channels, not ${channels}`);
  return {height: info.height, width: info.width, channels, data};
}

/** Pillow's plain conversion, without profiles: each ink takes its share of what black leaves. */
function rgbOfCmyk(inks: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((inks.length / 4) * 3);
  for (let pixel = 0; pixel < inks.length / 4; pixel++) {
    const light = 255 - inks[pixel * 4 + 3]!;
    for (let ink = 0; ink < 3; ink++)
      rgb[pixel * 3 + ink] = light - Math.round((inks[pixel * 4 + ink]! * light) / 255);
  }
  return rgb;
}

function fitted(
  picture: Picture,
  {resize, size, resample: filter, crop}: Preprocessor,
  name: string,
): Picture {
  if (resize === null) return centred(picture, size, crop);
  const shortest = Math.min(picture.height, picture.width);
  const side = (length: number, edge: number) => Math.trunc((edge * length) / shortest);
  const target =
    'shortestEdge' in resize
      ? {height: side(picture.height, resize.shortestEdge), width: side(picture.width, resize.shortestEdge)}
      : resize;
  if (crop === 'none' && (target.height !== size.height || target.width !== size.width))
    throw new InvarianceError(
      'bad_probes',
      `image ${name} becomes ${target.height} × ${target.width}, and the model takes ${size.height} × ${size.width}: its ` +
        'processor keeps proportions and does not crop; make it square, or set do_center_crop in preprocessor_config.json',
    );
  return centred(resample(picture, target, filter), size, crop);
}

/**
 * Pixels cut off before the middle, or with a minus added. An odd one: transformers rounds down, and truncates with torchvision;
 * torchvision itself rounds a cut to the even number and adds the smaller half.
 */
function before(rest: number, by: Preprocessor['crop']): number {
  if (by === 'truncated') return Math.trunc(rest / 2);
  if (by === 'torchvision') return rest % 4 === 3 ? (rest + 1) / 2 : Math.trunc(rest / 2);
  return Math.floor(rest / 2);
}

/** The middle of a picture; where it is smaller than asked, in the middle of black. */
function centred(picture: Picture, size: Size, by: Preprocessor['crop']): Picture {
  if (picture.height === size.height && picture.width === size.width) return picture;
  const {channels} = picture;
  const [top, left] = (['height', 'width'] as const).map(side => before(picture[side] - size[side], by)) as [
    number,
    number,
  ];
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
