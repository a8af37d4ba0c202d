/**
 * Seconds per inversion step by layer, with the optimiser's own share; seconds per reading; peak memory.
 *
 *     node --import tsx bench/reading.ts [PRETRAINED FINETUNED] [PROBES]
 */
import {availableParallelism} from 'node:os';
import {openOrtEngine, readWeights, type Engine} from '../src/engine/index.js';
import {drawSeeds, inversionOptions, invertLayer} from '../src/inversion/index.js';
import {createMeasurer} from '../src/measure/index.js';
import {seededRandom} from '../src/random.js';
import type {Images} from '../src/types.js';

const MODEL = '../shared/models/vit-cifar';
/** Enough to see the pace; an inversion takes 50. */
const STEPS = 5;

const [pretrained = `${MODEL}/pretrained`, finetuned = `${MODEL}/finetune/checkpoint-400`, count = '64'] =
  process.argv.slice(2);

/** The engine, with the seconds that pass inside it. */
function clocked(engine: Engine): {engine: Engine; inside: () => number} {
  let seconds = 0;
  async function clock<T>(work: Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work;
    seconds += (performance.now() - start) / 1000;
    return result;
  }
  const wrapped: Engine = Object.create(engine, {
    features: {value: (...args: Parameters<Engine['features']>) => clock(engine.features(...args))},
    lossAndGradient: {
      value: (...args: Parameters<Engine['lossAndGradient']>) => clock(engine.lossAndGradient(...args)),
    },
  }) as Engine;
  return {engine: wrapped, inside: () => seconds};
}

const peak = () => `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`;

const engine = await openOrtEngine({folder: pretrained});
const random = seededRandom(0);
const {channels, height, width} = engine.input;
const probes: Images = {
  ...engine.input,
  count: Number(count),
  data: Float32Array.from({length: Number(count) * channels * height * width}, () => random.uniform()),
};
const seeds = drawSeeds({like: probes});
console.log(
  `${engine.description}, ${availableParallelism()} cores; ${count} probes of ${channels} × ${height} × ${width}`,
);

for (const preset of ['fast', 'stir'] as const)
  for (const layer of [engine.layers[0]!, engine.layers.at(-1)!]) {
    const {engine: timed, inside} = clocked(engine);
    const options = inversionOptions({preset, steps: STEPS});
    await invertLayer({engine: timed, layer, probes, seeds, options: {...options, steps: 1}});
    const before = inside();
    const start = performance.now();
    await invertLayer({engine: timed, layer, probes, seeds, options});
    const seconds = (performance.now() - start) / 1000;
    const own = 1 - (inside() - before) / seconds;
    console.log(
      `${preset} ${layer}: ${(seconds / STEPS).toFixed(3)} s a step, of which the optimiser ${(100 * own).toFixed(1)} %`,
    );
  }
console.log(`peak memory with inversions ${peak()}`);

const measurer = await createMeasurer({engine, probes, seeds, inversion: inversionOptions({steps: 2})});
const weights = await readWeights(finetuned, {like: engine});
for (let step = 0; step < 3; step++) {
  const {cost} = await measurer.read({
    weights,
    moment: {step, epoch: null, time: 0, logged: {}},
    convergence: false,
  });
  console.log(`a reading: ${cost.seconds.toFixed(2)} s for ${cost.forwards} forward images`);
}
console.log(`peak memory ${peak()}`);
await measurer.dispose();
