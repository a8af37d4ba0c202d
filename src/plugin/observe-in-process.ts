import type {LayersModel} from '@tensorflow/tfjs';
import {
  loadTfjsModel,
  openTfjsEngine,
  type Engine,
  type Preprocessor,
  type Weights,
} from '../engine/index.js';
import {defaultCacheFolder, openInversionCache} from '../inversion/index.js';
import {createMeasurer} from './measurer.js';
import type {Observer, ObserverEvents} from './observer.js';
import type {CheckedOptions} from './options.js';
import {loadProbes, loadSeeds} from './probes.js';
import {withoutTensors} from './tensor-probes.js';

type Options = Pick<
  CheckedOptions,
  | 'tf'
  | 'model'
  | 'layers'
  | 'pooling'
  | 'input'
  | 'probes'
  | 'probesMax'
  | 'seeds'
  | 'reference'
  | 'inversion'
>;

/**
 * Measures any LayersModel through taps on the live model, on the user's own backend. The baseline is taken here,
 * before training, while the model is still the pretrained one; every reading stops the training for as long as it takes.
 */
export async function observeInProcess(options: Options): Promise<Observer> {
  const {tf, model, probesMax, seeds: seedsFrom, reference, inversion} = options;
  const engine = await engineOf(options, model);
  const {images, source} = await loadProbes(await withoutTensors(tf, options.probes), {
    preprocessor: fitting(engine.input),
    channels: engine.input.channels,
    max: probesMax,
  });
  const measurer = await createMeasurer({
    engine,
    probes: images,
    seeds: seedsFrom === undefined ? undefined : await loadSeeds(seedsFrom, images),
    reference: reference === undefined ? undefined : await weightsIn(reference, options),
    inversion,
    cache: await openInversionCache({folder: defaultCacheFolder()}),
  });
  const {baseline} = measurer;
  let events: ObserverEvents;
  return {
    observed: {
      layers: engine.layers,
      pooling: engine.pooling,
      fingerprint: baseline.fingerprint,
      probes: {count: images.count, source},
      engine: engine.description,
    },
    async begin(given) {
      events = given;
      events.baseline(baseline);
    },
    async take(moment, {acquire}) {
      events.reading(await measurer.read({moment, acquire}), {child: 0});
    },
    waiting: () => [],
    lend: async () => false,
    drain: async () => {},
    close: () => measurer.dispose(),
  };
}

async function weightsIn(folder: string, options: Options): Promise<Weights> {
  const pretrained = await loadTfjsModel({tf: options.tf, folder});
  const engine = await engineOf(options, pretrained);
  const weights = engine.weights();
  await engine.dispose();
  pretrained.dispose();
  return weights;
}

function engineOf(
  {tf, layers, pooling, input}: Options,
  model: LayersModel,
): ReturnType<typeof openTfjsEngine> {
  return openTfjsEngine({
    tf,
    model,
    layers,
    pooling,
    input,
  });
}

/** Image files become the model's size; how it normalises them is inside the engine. */
function fitting({height, width}: Engine['input']): Preprocessor {
  const size = {height, width};
  return {mean: [], std: [], size, resize: size, resample: 'bilinear', rescale: 1 / 255};
}
