import {isJsonObject, type JsonObject} from './json-file.js';
import {processorNames, processors, type ProcessorDefaults} from './preprocessor-defaults.js';
import {badWeights} from '../safetensors/tensor.js';

/** Pillow's filters, in the order of its numbers. */
export const resamplings = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const;
export type Resampling = (typeof resamplings)[number];

/** Sides in pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** How an image becomes the model's input: resized to `resize`, cropped at its centre to `size`, normalised. */
export interface Preprocessor {
  /** Per channel, on pixels in [0, 1]: input = (pixel − mean) / std. A `rescale` other than 1/255 is already in them. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** What enters the model. */
  readonly size: Size;
  /** Before the crop; null where images are only cropped. */
  readonly resize: Size | {readonly shortestEdge: number} | null;
  readonly resample: Resampling;
  /**
   * How the crop rounds where the rest is odd, default as transformers with Pillow, `truncated` as its own torchvision backend,
   * `torchvision` as that itself; `none` where the processor keeps an image's
   * proportions and does not crop, so that it takes squares alone.
   */
  readonly crop?: 'torchvision' | 'truncated' | 'none';
  /** What pixels in [0, 255] are multiplied by; 1/255 for all but a few models. */
  readonly rescale: number;
}

const AS_TENSORS =
  'change it in a copy of the folder and give the probes as FILE.safetensors:key, prepared as the model takes them but for the normalisation';

/** Pixels in [0, 1] times this are pixels as files hold them. */
const WHITE = 255;

/**
 * Reads `preprocessor_config.json`, in the forms of transformers 4 and 5: whatever it does not say is what the
 * image processor class of that `model_type` has by default; without a file, all of it, at `config.image_size`.
 * @throws InvarianceError `bad_weights` where a value cannot be used, or neither file nor `model_type` say enough
 */
export function preprocessorOf(json: JsonObject | undefined, config: JsonObject, path: string): Preprocessor {
  const timm = config['pretrained_cfg'];
  if (json === undefined && isJsonObject(timm)) return timmPreprocessor(timm, path);
  const defaults = defaultsFor(json, config, path);
  const asked = json ?? sized(defaults, config);
  const otherwise = {
    ...defaults,
    size: sizeBefore(defaults, squareOf(defaults.size)),
  } as unknown as JsonObject;
  const value = (key: string) => asked[key] ?? otherwise[key];
  const refuse = (key: string, remedy: string) =>
    badWeights(path, `has ${key} ${JSON.stringify(value(key))}; ${remedy}`);

  for (const key of ['do_pad', 'do_flip_channel_order', 'crop_pct'])
    if (asked[key] !== undefined && asked[key] !== null && asked[key] !== false)
      throw refuse(key, `not known here; ${AS_TENSORS}`);

  const rescale = value('do_rescale') === false ? 1 : Number(value('rescale_factor'));
  if (!(rescale > 0)) throw refuse('rescale_factor', 'expected a positive number');
  const resize = value('do_resize') === false ? null : sizeOf(value('size'), defaults.square);
  if (resize === undefined) throw refuse('size', 'expected height and width, or shortest_edge');
  const crops = value('do_center_crop') === true;
  if (resize === null && !crops) throw refuse('do_resize', 'without do_center_crop no size is left; set one');
  const crop = crops ? sizeOf(value('crop_size'), true) : resize;
  const size =
    crop !== null && crop !== undefined && 'shortestEdge' in crop ? squareOf(crop.shortestEdge) : crop;
  if (size === undefined || size === null) throw refuse('crop_size', 'expected height and width');
  const resample = resamplings[Number(value('resample'))];
  if (resample === undefined) throw refuse('resample', `expected 0 to ${resamplings.length - 1}`);

  const normalised = value('do_normalize') !== false;
  const channels = (key: 'image_mean' | 'image_std', off: number) => {
    const list = channelsOf(normalised ? value(key) : off, Number(config['num_channels'] ?? 3));
    if (list === undefined || (key === 'image_std' && list.includes(0)))
      throw refuse(key, 'expected one finite number a channel, no std of 0');
    return list.map(number => number / (WHITE * rescale));
  };
  const read = {
    mean: channels('image_mean', 0),
    std: channels('image_std', 1),
    size,
    resize,
    resample,
    rescale,
  };
  if (!crops && resize !== null && 'shortestEdge' in resize) return {...read, crop: 'none'};
  if (defaults.truncates) return {...read, crop: 'truncated'};
  return isJsonObject(timm) ? {...read, crop: 'torchvision'} : read;
}

/** The same as a `preprocessor_config.json` that transformers reads. */
export function preprocessorJson(preprocessor: Preprocessor, config: JsonObject): JsonObject {
  const {mean, std, size, resize, resample, rescale, crop} = preprocessor;
  const cropped = resize === null || 'shortestEdge' in resize || !same(resize, size);
  return {
    image_processor_type: processorNames[String(config['model_type'])] ?? 'ViTImageProcessor',
    do_resize: resize !== null,
    size:
      resize !== null && 'shortestEdge' in resize ? {shortest_edge: resize.shortestEdge} : (resize ?? size),
    resample: resamplings.indexOf(resample),
    ...(crop === 'none' ? {do_center_crop: false} : cropped && {do_center_crop: true, crop_size: size}),
    do_rescale: true,
    rescale_factor: rescale,
    do_normalize: true,
    image_mean: mean.map(number => number * (WHITE * rescale)),
    image_std: std.map(number => number * (WHITE * rescale)),
  };
}

function defaultsFor(json: JsonObject | undefined, config: JsonObject, path: string): ProcessorDefaults {
  const written = json?.['image_processor_type'] ?? json?.['feature_extractor_type'];
  if (typeof written === 'string') {
    const named = written.replace(/(FeatureExtractor|ImageProcessor(Fast|Pil)?)$/, 'ImageProcessor');
    if (Object.hasOwn(processors, named)) return processors[named]!;
    const known = Object.keys(processors).join(', ');
    throw badWeights(path, `has the image processor ${written}; known are ${known}: ${AS_TENSORS}`);
  }
  const name = processorNames[String(config['model_type'])];
  if (name !== undefined) return processors[name]!;
  throw badWeights(
    path,
    `${json ? 'names no image processor' : 'is missing'} and model_type ${String(config['model_type'])} has no known ` +
      'one; copy preprocessor_config.json from the pretrained model',
  );
}

/** A class's sizes are those of 224 px models; without a file they follow the size that the model was built for. */
function sized(defaults: ProcessorDefaults, config: JsonObject): JsonObject {
  const vision = isJsonObject(config['vision_config']) ? config['vision_config'] : config;
  const built = sizeOf(vision['image_size'], true);
  if (built === undefined || 'shortestEdge' in built) return {};
  const ratio = defaults.size / defaults.crop_size;
  const resize = {height: Math.round(built.height * ratio), width: Math.round(built.width * ratio)};
  return {
    size: sizeBefore(defaults, resize),
    crop_size: built,
  };
}

/** A class that crops, and reads a number as the shortest edge, resizes by it; others to both sides. */
function sizeBefore({square, do_center_crop: crops}: ProcessorDefaults, size: Size): JsonObject {
  return crops && !square ? {shortest_edge: Math.min(size.height, size.width)} : {...size};
}

/** timm's, where a pretrained_cfg has none. */
const CROP_PCT = 0.875;

/** timm keeps the same facts inside `config.json`, as `pretrained_cfg`. */
function timmPreprocessor(timm: JsonObject, path: string): Preprocessor {
  const {input_size: input, mean, std, interpolation, crop_pct: share, crop_mode: mode = 'center'} = timm;
  const [channels, height, width] = Array.isArray(input) ? (input as number[]) : [];
  const size = sizeOf({height, width}, true);
  const means = channelsOf(mean, channels ?? 3);
  const stds = channelsOf(std, channels ?? 3);
  const resample = resamplings.find(name => name === interpolation);
  if (!size || 'shortestEdge' in size || !means || !stds || stds.includes(0) || !resample)
    throw badWeights(path, 'has a pretrained_cfg without usable input_size, mean, std and interpolation');
  if (mode !== 'squash' && (mode !== 'center' || size.height !== size.width))
    throw badWeights(
      path,
      `has crop_mode ${JSON.stringify(mode)} at ${size.height} × ${size.width}, which is not known; ` +
        AS_TENSORS,
    );
  const before = (side: number) =>
    Math.floor(side / (typeof share === 'number' && share > 0 ? share : CROP_PCT));
  const resize =
    mode === 'squash'
      ? {height: before(size.height), width: before(size.width)}
      : {shortestEdge: before(size.height)};
  return {mean: means, std: stds, size, resize, resample, rescale: 1 / WHITE, crop: 'torchvision'};
}

/** Sizes as the files spell them: a number (a square, or the shortest edge), a pair, or an object. */
function sizeOf(value: unknown, square: boolean): Size | {shortestEdge: number} | undefined {
  if (isSide(value)) return square ? squareOf(value) : {shortestEdge: value};
  if (Array.isArray(value) && value.length === 2) {
    const [height, width] = value as unknown[];
    return sizeOf({height, width}, square);
  }
  if (!isJsonObject(value)) return undefined;
  const {height, width, shortest_edge: edge} = value;
  if (isSide(height) && isSide(width)) return {height, width};
  return isSide(edge) && value['longest_edge'] === undefined ? {shortestEdge: edge} : undefined;
}

function isSide(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function squareOf(side: number): Size {
  return {height: side, width: side};
}

function same(a: Size, b: Size): boolean {
  return a.height === b.height && a.width === b.width;
}

function channelsOf(value: unknown, channels: number): number[] | undefined {
  const list = typeof value === 'number' ? new Array<unknown>(channels).fill(value) : value;
  if (!Array.isArray(list) || list.length !== channels) return undefined;
  return list.every(number => Number.isFinite(number)) ? (list as number[]) : undefined;
}
