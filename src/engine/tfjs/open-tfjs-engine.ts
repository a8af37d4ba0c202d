import {InvarianceError} from '../../errors.js';
import type {Pooling} from '../../types.js';
import {checkFinite} from '../architectures/check-weights.js';
import {headPooling} from '../architectures/network.js';
import {prefixTokens} from '../architectures/spec.js';
import type {LayerSelection} from '../select-layers.js';
import {anyForm} from './any-form.js';
import {checkGradient} from './check-gradient.js';
import type {PixelForm} from './pixel-form.js';
import {Taps} from './taps.js';
import type {LayersModel, Tf} from './tf.js';
import {TfjsEngine} from './tfjs-engine.js';
import {vitConfigOf} from './vit-info.js';
import {vitForm} from './vit-form.js';

export interface TfjsEngineOptions {
  /** The user's own TensorFlow.js, on whatever backend it is set to. */
  tf: Tf;
  /** Stays the user's: it may be trained between calls and is never disposed of. */
  model: LayersModel;
  /** Default: blocks and final norm of a `loadVit` model; of any other what `anyForm` says. */
  layers?: LayerSelection;
  /**
   * How (n, T, D) outputs become rows; outputs of other ranks are flattened. Default: what the head of a `loadVit` model
   * reads, the class token; `tokens` for any other model, of whose head nothing is known.
   */
  pooling?: Pooling;
  /** Images a run, default 8: more does not run faster on wasm and its heap ends at 4 GiB. */
  batch?: number;
  /** How the model takes images; a `loadVit` model knows it itself. */
  input?: PixelForm;
}

export const TFJS_DEFAULTS = {batch: 8} as const;

/**
 * Taps on a live TensorFlow.js model, on the user's backend and in this process.
 *
 * @throws InvarianceError `bad_model` where no layer matches, the model takes no images of fixed size, or TensorFlow.js has no
 *   right gradient for one of its operations, `bad_weights` for
 *   weights that are not finite, `bad_option` for an input form that does not fit.
 * @example
 * const engine = await openTfjsEngine({tf, model, layers: ['conv*'], input: {range: [0, 255]}});
 * const grams = await engine.grams(images);
 */
export async function openTfjsEngine(options: TfjsEngineOptions): Promise<TfjsEngine> {
  const {tf, model, layers, input} = options;
  const {batch = TFJS_DEFAULTS.batch} = options;
  if (!Number.isInteger(batch) || batch < 1) {
    throw new InvarianceError('bad_option', `batch is ${batch}; expected a whole number of at least 1`);
  }
  await tf.ready();
  const info = vitConfigOf(model);
  if (info && input) {
    throw new InvarianceError('bad_option', 'input is known for a loadVit model; leave it out');
  }
  const {pooling = info ? headPooling(info.spec) : 'tokens'} = options;
  const taps = new Taps({tf, model, pooling, prefix: info ? prefixTokens(info.spec) : 0});
  const form = info
    ? vitForm({tf, model, info, layers})
    : anyForm({tf, model, taps, layers, pixels: input ?? {}});
  if (!info && pooling !== 'tokens' && !form.layers.some(name => taps.shape(name).length === 2)) {
    throw new InvarianceError(
      'bad_option',
      `pooling '${pooling}' says nothing of model ${model.name}: no measured layer gives a row a token (n, T, D); leave it out`,
    );
  }
  form.weights().forEach(checkFinite);
  const engine = new TfjsEngine({tf, form, taps, pooling, batch});
  await checkGradient(engine, tf.getBackend());
  return engine;
}
