import {InvarianceError} from '../../errors.js';
import type {Pooling} from '../../types.js';
import {layersOf} from '../architectures/layers-of.js';
import {blockNames, DEFAULT_LAYERS, headPooling, writeNetwork} from '../architectures/network.js';
import {architectureOf, readWeights} from '../architectures/read-weights.js';
import {selectLayers, type LayerSelection} from '../select-layers.js';
import {openModelFolder} from '../../models/index.js';
import {OrtEngine} from './ort-engine.js';
import {openRuntime, type Device, type Library} from './runtime.js';

export interface OrtEngineOptions {
  /** A Hugging Face or timm model folder of a known architecture. */
  folder: string;
  /** Default: every block and the final norm. */
  layers?: LayerSelection;
  /** Default: what the model's head reads, the class token or the mean of the patches. */
  pooling?: Pooling;
  /** Which one is meant where the folder holds the model under several prefixes, as `ema_model.`. */
  prefix?: string | undefined;
  /** Told of a wrapper's prefix and of tensors that are left out. */
  onNotice?: (code: string, message: string) => void;
  threads?: number;
  batch?: number;
  /** Default: onnxruntime-node where it is installed, else onnxruntime-web. */
  library?: Library;
  device?: Device;
}

/**
 * `threads` 1: training wants the others.
 * `batch` 8 images a run: 2 to 16 cost the same per image, and memory grows with it.
 * `device` cpu.
 */
export const ORT_DEFAULTS = {threads: 1, batch: 8, device: 'cpu'} as const;

/**
 * Opens a model folder of a known architecture on onnxruntime, in this process: `features`, `grams` and
 * `lossAndGradient` block the event loop while a batch runs.
 *
 * @throws InvarianceError `bad_model` for an unknown architecture or layers that match none, `bad_weights` for weights
 *   that are missing, misshapen or not finite, `engine_failed` where no onnxruntime loads
 * @example
 * const engine = await openOrtEngine({folder: 'models/vit-small', layers: ['block_*', 'norm'], threads: 2});
 * const grams = await engine.grams(images);
 */
export async function openOrtEngine(options: OrtEngineOptions): Promise<OrtEngine> {
  const {folder, layers, library, prefix, onNotice} = options;
  const {threads, batch, device} = {...ORT_DEFAULTS, ...options};
  for (const [name, value] of Object.entries({threads, batch})) {
    if (!Number.isInteger(value) || value < 1)
      throw new InvarianceError('bad_option', `${name} is ${value}; expected a whole number of at least 1`);
  }
  const model = await openModelFolder(folder);
  try {
    const {family, config, spec} = architectureOf(model);
    const {pooling = headPooling(spec)} = options;
    if (pooling === 'cls' && !spec.classToken)
      throw new InvarianceError(
        'bad_option',
        `${family.name} has no class token; pool by mean (of the patches) or tokens`,
      );
    const {mean, std} = model.preprocessor;
    const normalisation = {mean, std};
    const network = writeNetwork({spec, normalisation, pooling});
    const measured = selectLayers([...network.layers.keys()], layers ?? DEFAULT_LAYERS);
    const owners = layersOf(network, measured);
    const weights = await readWeights(model, {owners, prefix, ...(onNotice && {onNotice})});
    return new OrtEngine({
      runtime: await openRuntime({library, device, threads}),
      spec,
      normalisation,
      pooling,
      batch,
      layers: measured,
      widths: new Map([...network.layers].map(([name, {shape}]) => [name, shape[1]!])),
      blocks: blockNames(spec.depth).filter(name => measured.includes(name)),
      draw: (name, shape) => family.draw(name, {shape, spec, config}),
      weights,
    });
  } finally {
    await model.tensors.close();
  }
}
