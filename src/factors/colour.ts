import type {Pixels} from './pixels.js';

/** Weights of red, green and blue in grey: ITU-R 601, as Pillow and torchvision take them. */
const LUMA = [0.2989, 0.587, 0.114] as const;

/** Turns every colour around the colour circle, in HSV; 1 is the whole circle. torchvision's `adjust_hue`. */
export function turnHue({channels, height, width, data}: Pixels, turns: number): Float32Array {
  const plane = height * width;
  const turned = new Float32Array(channels * plane);
  for (let p = 0; p < plane; p++) {
    const [r, g, b] = [data[p]!, data[plane + p]!, data[2 * plane + p]!];
    const value = Math.max(r, g, b);
    const chroma = value - Math.min(r, g, b);
    const hue = chroma === 0 ? 0 : hueOf(r, g, b, value, chroma) + 6 * turns;
    [5, 3, 1].forEach((n, c) => {
      const k = (((n + hue) % 6) + 6) % 6;
      turned[c * plane + p] = value - chroma * Math.max(0, Math.min(k, 4 - k, 1));
    });
  }
  return turned;
}

/** In sixths of the circle. */
function hueOf(r: number, g: number, b: number, value: number, chroma: number): number {
  if (value === r) return (g - b) / chroma;
  return value === g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
}

/** From grey (0) over the image itself (1) to stronger colours. torchvision's `adjust_saturation`. */
export function saturate(image: Pixels, amount: number): Float32Array {
  const {height, width, data} = image;
  const grey = greyOf(image);
  return data.map((value, at) => blend(grey[at % (height * width)]!, value, amount));
}

/** From black (0) over the image itself (1) to brighter. torchvision's `adjust_brightness`. */
export function brighten({data}: Pixels, amount: number): Float32Array {
  return data.map(value => amount * value);
}

/** From the even grey of the image's mean (0) over the image itself (1). torchvision's `adjust_contrast`. */
export function contrast(image: Pixels, amount: number): Float32Array {
  const grey = greyOf(image);
  const mean = grey.reduce((sum, value) => sum + value, 0) / grey.length;
  return image.data.map(value => blend(mean, value, amount));
}

/** (H, W) in float64: luma of a colour image, the mean over the channels of any other. */
function greyOf({channels, height, width, data}: Pixels): Float64Array {
  const plane = height * width;
  const weights = channels === 3 ? LUMA : new Array<number>(channels).fill(1 / channels);
  return Float64Array.from({length: plane}, (_, p) =>
    weights.reduce((sum, weight, c) => sum + weight * data[c * plane + p]!, 0),
  );
}

function blend(from: number, to: number, amount: number): number {
  return from + amount * (to - from);
}
