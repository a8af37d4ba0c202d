import type {Resampling, Size} from '../models/index.js';

/** Interleaved pixels, 8 bits a channel. */
export interface Picture extends Size {
  readonly channels: number;
  readonly data: Uint8Array;
}

/** Pillow's filters: half-width in source pixels, and weight at a distance. */
const FILTERS: Readonly<
  Record<Exclude<Resampling, 'nearest'>, {support: number; weight: (x: number) => number}>
> = {
  box: {support: 0.5, weight: x => (x > -0.5 && x <= 0.5 ? 1 : 0)},
  bilinear: {support: 1, weight: x => Math.max(0, 1 - Math.abs(x))},
  hamming: {
    support: 1,
    weight: x => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0),
  },
  bicubic: {support: 2, weight: x => cubic(Math.abs(x))},
  lanczos: {support: 3, weight: x => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0)},
};

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Keys' kernel with a = −0.5. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/**
 * Resizes as Pillow does, and so as the model's image processor did in training: rows then columns, the filter widened
 * when shrinking, rounded to 8 bits after each. (Pillow 13 may take columns first, which shows where sharp edges
 * overshoot. Image libraries differ by more than a tenth of the range here.)
 */
export function resample(picture: Picture, size: Size, filter: Resampling): Picture {
  const wide = along(picture, 'width', size.width, filter);
  return along(wide, 'height', size.height, filter);
}

function along(picture: Picture, side: 'width' | 'height', length: number, filter: Resampling): Picture {
  if (picture[side] === length) return picture;
  const {channels} = picture;
  const resized = {...picture, [side]: length};
  const data = new Uint8Array(resized.height * resized.width * channels);
  const taps = tapsOf(picture[side], length, filter);
  const stride = side === 'width' ? channels : picture.width * channels;
  for (let y = 0; y < resized.height; y++)
    for (let x = 0; x < resized.width; x++) {
      const {first, weights} = taps[side === 'width' ? x : y]!;
      const start =
        side === 'width' ? (y * picture.width + first) * channels : (first * picture.width + x) * channels;
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++)
          sum += weights[tap]! * picture.data[start + tap * stride + channel]!;
        data[(y * resized.width + x) * channels + channel] = Math.min(255, Math.max(0, Math.round(sum)));
      }
    }
  return {...resized, data};
}

/** For each target pixel, the first source pixel that counts and the weights from there on. */
function tapsOf(from: number, to: number, filter: Resampling): {first: number; weights: number[]}[] {
  if (filter === 'nearest') return nearestOf(from, to);
  const scale = from / to;
  return Array.from({length: to}, (_, at) => {
    const centre = (at + 0.5) * scale;
    const {support, weight} = FILTERS[filter];
    const stretch = Math.max(1, scale);
    const first = Math.max(0, Math.trunc(centre - support * stretch + 0.5));
    const end = Math.min(from, Math.trunc(centre + support * stretch + 0.5));
    const weights = Array.from({length: end - first}, (_, tap) =>
      weight((first + tap - centre + 0.5) / stretch),
    );
    const total = weights.reduce((sum, value) => sum + value, 0);
    return {first, weights: weights.map(value => value / total)};
  });
}

/** Pillow adds the steps up, and what that rounds decides where a centre lies between two pixels. */
function nearestOf(from: number, to: number): {first: number; weights: number[]}[] {
  const step = from / to;
  let centre = step / 2;
  return Array.from({length: to}, () => {
    const first = Math.floor(centre);
    centre += step;
    return {first, weights: [1]};
  });
}
