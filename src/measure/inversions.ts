import {setTimeout as sleep} from 'node:timers/promises';
import type {Engine, Weights} from '../engine/index.js';
import {
  invertLayer,
  inversionKeys,
  type CacheEntry,
  type InversionCache,
  type InversionOptions,
} from '../inversion/index.js';
import {gate} from '../metrics/index.js';
import type {Gate, Images, LayerName} from '../types.js';
import {timeEvaluations} from './estimate.js';
import type {OnProgress} from './progress.js';
import {withWeights} from './with-weights.js';

/** How often a process looks whether another has finished the layer it waits for. */
const POLL_MS = 200;

export interface InversionsOptions {
  engine: Engine;
  /** The pretrained weights, whose layers are inverted. */
  weights: Weights;
  probes: Images;
  seeds: Images;
  options: InversionOptions;
  cache: InversionCache;
  /** Processes that share the work through the cache, default 1: only the estimate depends on it. */
  workers?: number;
  onProgress?: OnProgress;
  now?: () => number;
}

/** X'_i of the pretrained model for every measured layer: from the cache, or made now and kept there. */
export interface Inversions {
  /** Inverts what is missing, deepest layer first, and waits for what other processes have in work. */
  prepare(): Promise<void>;
  /** Inverts what is missing and no other process has in work; useless unless the cache is shared. */
  help(): Promise<void>;
  /** One layer; made again where the cache has lost it. */
  of(layer: LayerName): Promise<CacheEntry>;
}

export function openInversions(given: InversionsOptions): Inversions {
  const {engine, weights, cache} = given;
  const keys = inversionKeys(given);
  const keyOf = (layer: LayerName) => keys.get(layer)!;

  /** The entry, made under a lock; null while another process makes it. */
  async function invertUnderLock(
    layer: LayerName,
    onStep: (step: number) => void,
  ): Promise<CacheEntry | null> {
    const release = cache.lock(keyOf(layer));
    if (release === null) return null;
    try {
      const found = await cache.read(keyOf(layer));
      if (found) return found;
      const made = await withWeights(engine, weights, () => invert(given, layer, onStep));
      await cache.write(keyOf(layer), made);
      return made;
    } finally {
      release();
    }
  }

  async function missingLayers(): Promise<LayerName[]> {
    const missing: LayerName[] = [];
    for (const layer of engine.layers) if (!(await cache.read(keyOf(layer)))) missing.push(layer);
    return missing.reverse();
  }

  async function makeAll(missing: LayerName[], countdown: Countdown, {wait}: {wait: boolean}): Promise<void> {
    while (missing.length > 0) {
      const left: LayerName[] = [];
      for (const layer of missing) {
        const entry =
          (await cache.read(keyOf(layer))) ??
          (await invertUnderLock(layer, step => countdown.step(layer, step)));
        if (entry) countdown.finish(layer);
        else left.push(layer);
      }
      if (left.length > 0 && !wait) return;
      if (left.length === missing.length) await sleep(POLL_MS);
      missing = left;
    }
  }

  return {
    async prepare() {
      const missing = await missingLayers();
      if (missing.length > 0) await makeAll(missing, await countdownOf(given, missing), {wait: true});
    },
    async help() {
      if (cache.shared) await makeAll(await missingLayers(), SILENT, {wait: false});
    },
    async of(layer) {
      for (;;) {
        const entry = (await cache.read(keyOf(layer))) ?? (await invertUnderLock(layer, () => {}));
        if (entry) return entry;
        await sleep(POLL_MS);
      }
    },
  };
}

/** Inverts one layer of the weights in force and gates the result. */
export async function invert(
  {engine, probes, seeds, options}: Pick<InversionsOptions, 'engine' | 'probes' | 'seeds' | 'options'>,
  layer: LayerName,
  onStep: (step: number) => void,
): Promise<CacheEntry> {
  const inverted = await invertLayer({engine, layer, probes, seeds, options, onStep});
  const features = await engine.features(probes, layer);
  const judge = async (images: Images): Promise<Gate> =>
    gate({
      layer,
      features,
      inverted: await engine.features(images, layer),
      probes,
      images,
      seeds,
      evaluations: inverted.evaluations,
    });
  const judged = await judge(inverted.images);
  // Where it failed, what its second half brought tells whether more would help.
  if (judged.passed) return {...inverted, gate: judged};
  return {...inverted, gate: {...judged, fvuHalfway: (await judge(inverted.halfway)).fvu}};
}

interface Countdown {
  step(layer: LayerName, step: number): void;
  finish(layer: LayerName): void;
}

const SILENT: Countdown = {step() {}, finish() {}};

/** Announces what the missing layers will take, then how much of it is left, from trials and then from the facts. */
async function countdownOf(
  {
    engine,
    weights,
    probes,
    seeds,
    options,
    workers = 1,
    onProgress = () => {},
    now = () => performance.now(),
  }: InversionsOptions,
  missing: readonly LayerName[],
): Promise<Countdown> {
  const trial = await withWeights(engine, weights, () =>
    timeEvaluations({engine, layers: missing, probes, seeds, now}),
  );
  const secondsOf = (layer: LayerName, steps: number) => trial.get(layer)! * steps;
  const steps = new Map(missing.map(layer => [layer, 0]));
  const total = missing.length * options.steps;
  const start = now();
  let expected = 0;

  function report(layer: LayerName | null): void {
    const left =
      [...steps].reduce((sum, [of, step]) => sum + secondsOf(of, options.steps - step), 0) / workers;
    const pace = expected > 0 ? (now() - start) / 1000 / expected : 1;
    const done = [...steps.values()].reduce((sum, step) => sum + step, 0);
    const phase = layer === null ? 'estimate' : 'inversion';
    onProgress({phase, layer, done, total, secondsLeft: left * pace});
  }
  report(null);

  return {
    step(layer, step) {
      expected += secondsOf(layer, 1);
      steps.set(layer, step);
      report(layer);
    },
    finish(layer) {
      steps.set(layer, options.steps);
      report(layer);
    },
  };
}
