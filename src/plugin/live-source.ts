import type {LayersModel} from '@tensorflow/tfjs';
import {loadTfjsModel, openTfjsEngine, type Engine, type Weights} from '../engine/index.js';
import {firstNotFinite, type Preprocessor} from '../models/index.js';
import {defaultCacheFolder, drawSeeds, openInversionCache} from '../inversion/index.js';
import {checkFit, createMeasurer, FLOOR_DRAWS, measurerInfo, type Measurer} from '../measure/index.js';
import type {ReadingSource, SourceEvents} from './reading-source.js';
import type {MeasuringOptions} from './options.js';
import {loadProbes, loadSeeds} from '../probes/index.js';
import {withoutTensors} from '../probes/index.js';

/**
 * Measures any LayersModel through taps on the live model, on the user's own backend. The baseline is taken in `begin`,
 * before training, while the model is still the pretrained one; every reading stops the training for as long as it takes.
 */
export async function liveSource(options: MeasuringOptions): Promise<ReadingSource> {
  const {tf, model, probesMax, seeds: seedsFrom, reference: folder, inversion} = options;
  const engine = await engineOf(options, model);
  const {images, source, labels, passedOver} = await loadProbes(await withoutTensors(tf, options.probes), {
    preprocessor: fitting(engine.input),
    channels: engine.input.channels,
    max: probesMax,
    labels: options.labels,
  });
  const seeds = seedsFrom === undefined ? drawSeeds({like: images}) : await loadSeeds(seedsFrom, images);
  checkFit(engine, {probes: images, seeds});
  const reference = folder === undefined ? engine.weights() : await weightsIn(folder, options);
  const floor = await floorOf(options);
  const scratch = options.scratch === undefined ? null : await weightsIn(options.scratch, options);
  let measurer: Measurer | null = null;
  let events: SourceEvents;
  return {
    cost: null,
    info: measurerInfo({engine, reference, probes: images, seeds, floor, inversion}, source),
    async begin(given) {
      events = given;
      if (passedOver !== null) events.notice('warning', 'probes_passed_over', passedOver);
      measurer = await createMeasurer({
        engine,
        probes: images,
        labels,
        seeds,
        reference,
        floor,
        scratch,
        inversion,
        factors: options.factors,
        cache: await openInversionCache({
          folder: defaultCacheFolder(),
          onNotice: (code, message) => events.notice('warning', code, message),
        }),
        onProgress: progress => events.progress(progress),
        onNotice: (code, message) => events.notice('warning', code, message),
      });
      events.baseline(measurer.baseline);
    },
    async take(moment, {acquire}) {
      const broken = engine.weights().find(({data}) => firstNotFinite(data) >= 0);
      if (broken) events.diverged(moment.step, `tensor ${broken.name} holds numbers that are not finite`);
      events.reading(await measurer!.read({moment, acquire}), {child: 0});
    },
    waiting: () => [],
    lend: () => Promise.resolve(false),
    drain: async () => {},
    close: async () => (measurer ?? engine).dispose(),
  };
}

async function floorOf(options: MeasuringOptions): Promise<number | Weights[]> {
  const {floor = FLOOR_DRAWS} = options;
  return typeof floor === 'number' ? floor : Promise.all(floor.map(folder => weightsIn(folder, options)));
}

async function weightsIn(folder: string, options: MeasuringOptions): Promise<Weights> {
  const pretrained = await loadTfjsModel({tf: options.tf, folder});
  const engine = await engineOf(options, pretrained);
  const weights = engine.weights();
  await engine.dispose();
  pretrained.dispose();
  return weights;
}

function engineOf(
  {tf, layers, pooling, input}: MeasuringOptions,
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

/** Image files are resized to the model's input; the engine normalises them. */
function fitting({height, width}: Engine['input']): Preprocessor {
  const size = {height, width};
  return {mean: [], std: [], size, resize: size, resample: 'bilinear', rescale: 1 / 255};
}
