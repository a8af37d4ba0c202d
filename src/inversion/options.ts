import {InvarianceError} from '../errors.js';

/** The reference algorithm of STIR (Nanda et al., ICML 2022, arXiv 2206.11939), to the letter. */
export interface StirOptions {
  readonly preset: 'stir';
  /** Gradient evaluations an image. The paper's code takes 500; STIR's own default is 1000. */
  readonly steps: number;
  /** Length of each step in pixel space, [0, 1] pixels. */
  readonly stepSize: number;
}

/** Adam on the pixels under a cosine schedule: better inversions than `stir` from a tenth of the evaluations. */
export interface FastOptions {
  readonly preset: 'fast';
  /** Gradient evaluations an image, at most. */
  readonly steps: number;
  /** Adam's step at the start, [0, 1] pixels; falls to 0 along half a cosine. */
  readonly learningRate: number;
  /** An image is done when its squared error is this share of the layer's variance an image. */
  readonly tolerance: number;
}

export type InversionOptions = StirOptions | FastOptions;

/** Every default of both presets. Cost: `steps` forward and backward passes for each probe and layer. */
export const PRESETS = {
  stir: {preset: 'stir', steps: 500, stepSize: 0.5},
  fast: {preset: 'fast', steps: 50, learningRate: 0.1, tolerance: 0.001},
} as const satisfies {stir: StirOptions; fast: FastOptions};

/**
 * The options of a preset.
 *
 * @param options.preset default `fast`.
 * @param options.steps default the preset's own.
 * @throws InvarianceError `bad_option` for an unknown preset or steps that are no positive whole number.
 */
export function inversionOptions({
  preset = 'fast',
  steps,
}: {preset?: string; steps?: number} = {}): InversionOptions {
  if (preset !== 'stir' && preset !== 'fast')
    throw new InvarianceError('bad_option', `unknown inversion preset: ${preset}; known are stir and fast`);
  const options: InversionOptions = PRESETS[preset];
  if (steps === undefined) return options;
  if (!Number.isSafeInteger(steps) || steps < 1)
    throw new InvarianceError('bad_option', `invalid inversion steps: ${steps}; give a whole number from 1`);
  return {...options, steps};
}
