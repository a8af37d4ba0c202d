import type {Random} from '../random.js';
import {blur} from './blur.js';
import {brighten, contrast, saturate, turnHue} from './colour.js';
import {occlude} from './occlude.js';
import type {Pixels} from './pixels.js';
import {flip, rotate, shift, zoom} from './warp.js';

/** One named transformation of images. */
export interface Factor {
  readonly name: string;
  /** How far it goes, in the unit that `FACTORS` says. */
  readonly strength: number;
  /** It has no meaning for images that are not red, green and blue. */
  readonly colour: boolean;
  /** One image, changed by an amount that is drawn for this image alone. The result may leave [0, 1]. */
  apply(image: Pixels, random: Random): Float32Array;
}

/** What a factor is before its strength is chosen. */
export interface FactorKind {
  /** What is drawn, and where its default comes from. */
  readonly what: string;
  readonly strength: number;
  /** Above 0 and at most this; equal to the strength where there is nothing to choose. */
  readonly max: number;
  readonly colour?: boolean;
  readonly apply: (image: Pixels, strength: number, random: Random) => Float32Array;
}

/** Uniform in [centre − strength, centre + strength]. */
function around(centre: number, strength: number, random: Random): number {
  return centre + strength * (2 * random.uniform() - 1);
}

/**
 * Every factor and its default strength s. What is random is drawn for each image on its own: one shift of colour for
 * all images would be a new basis of colours, which CKA does not see.
 */
export const FACTORS = {
  hue: {
    what: 'turned around the colour circle by up to s turns either way; .5 = the whole circle [ours]',
    strength: 0.5,
    max: 0.5,
    colour: true,
    apply: (image, strength, random) => turnHue(image, around(0, strength, random)),
  },
  grey: {
    what: 'share s of the colour taken away (SimCLR, Chen et al. 2020: random grey scale)',
    strength: 1,
    max: 1,
    colour: true,
    apply: (image, strength) => saturate(image, 1 - strength),
  },
  saturation: {
    what: 'colour × 1 ± s (SimCLR on CIFAR-10)',
    strength: 0.4,
    max: 1,
    colour: true,
    apply: (image, strength, random) => saturate(image, around(1, strength, random)),
  },
  brightness: {
    what: 'pixels × 1 ± s (SimCLR on CIFAR-10; BYOL, Grill et al. 2020)',
    strength: 0.4,
    max: 1,
    apply: (image, strength, random) => brighten(image, around(1, strength, random)),
  },
  contrast: {
    what: 'distance from the mean grey × 1 ± s (SimCLR on CIFAR-10; BYOL)',
    strength: 0.4,
    max: 1,
    apply: (image, strength, random) => contrast(image, around(1, strength, random)),
  },
  blur: {
    what: 'Gaussian, standard deviation s of the shorter side: 1 px of 32, 7 of 224 (CIFAR-10-C and ImageNet-C, Hendrycks & Dietterich 2019, severity 5)',
    strength: 1 / 32,
    max: 0.25,
    apply: (image, strength) => blur(image, strength * Math.min(image.height, image.width)),
  },
  noise: {
    what: 'Gaussian, standard deviation s a pixel and channel (CIFAR-10-C, severity 5)',
    strength: 0.1,
    max: 1,
    apply: ({data}, strength, random) => data.map(value => value + strength * random.normal()),
  },
  flip: {
    what: 'mirrored left to right',
    strength: 1,
    max: 1,
    apply: image => flip(image),
  },
  rotation: {
    what: 'turned by up to s degrees either way (Engstrom et al. 2019)',
    strength: 30,
    max: 180,
    apply: (image, strength, random) => rotate(image, around(0, strength, random)),
  },
  shift: {
    what: 'moved by up to s of each side either way, in whole pixels: 3 of 32, 22 of 224 (Engstrom et al. 2019)',
    strength: 0.1,
    max: 0.5,
    apply(image, strength, random) {
      const pixels = (side: number) => Math.round(around(0, strength * side, random));
      return shift(image, pixels(image.width), pixels(image.height));
    },
  },
  scale: {
    what: 'enlarged × 1 ± s about the centre [ours]',
    strength: 0.25,
    max: 0.75,
    apply: (image, strength, random) => zoom(image, around(1, strength, random)),
  },
  occlusion: {
    what: 'a square of s of the shorter side hidden, anywhere in the image (Cutout on CIFAR-10, DeVries & Taylor 2017)',
    strength: 0.5,
    max: 1,
    apply(image, strength, random) {
      const side = Math.round(strength * Math.min(image.height, image.width));
      const within = (length: number) => Math.floor(random.uniform() * (length - side + 1));
      return occlude(image, {top: within(image.height), left: within(image.width), side});
    },
  },
} as const satisfies Record<string, FactorKind>;

/** The name of a factor. */
export type FactorName = keyof typeof FACTORS;

/** One of each family: colour, light, detail, mirror image, place. Each costs one forward pass of the probes a reading. */
export const DEFAULT_FACTORS: readonly FactorName[] = ['hue', 'brightness', 'blur', 'flip', 'shift'];
