import type {Engine} from '../engine/index.js';
import {type FactorSelection, selectFactors} from '../factors/index.js';
import {pickImages} from '../images.js';
import {ckaOfHalves, halfSamples, halfSums, retentionRow} from '../metrics/index.js';
import type {Gram, Images} from '../types.js';

/** Images of the trial: as many as an engine takes in one batch. */
const TRIAL_IMAGES = 16;

/** On a machine that is busy with a training the same work takes more of a core, and a checkpoint has to be loaded. */
const MARGIN = 1.25;

/** What readings are expected to cost, in milliseconds of one core. */
export interface ReadingCost {
  each: number;
  /** Besides: the first one after training began, which reports its convergence. */
  first: number;
}

/**
 * Made from a trial of the same kind every time, whatever the cache holds: what a run reads does not depend on whether
 * its pretrained model is inverted already. Cost: two forward passes of at most 16 images.
 *
 * @param options.cpu milliseconds of a core that this process has used.
 */
export async function readingCost({
  engine,
  probes,
  factors,
  cpu = cpuMilliseconds,
}: {
  engine: Engine;
  probes: Images;
  factors?: FactorSelection | undefined;
  cpu?: () => number;
}): Promise<ReadingCost> {
  const {count} = probes;
  const some = pickImages(
    probes,
    Array.from({length: Math.min(TRIAL_IMAGES, count)}, (_, at) => at),
  );
  /** Of several trials the least: the first ones also make engine and code ready. */
  async function least(trials: number, work: () => unknown): Promise<number> {
    const taken: number[] = [];
    for (let trial = 0; trial < trials; trial++) {
      const start = cpu();
      await work();
      taken.push(cpu() - start);
    }
    return Math.min(...taken);
  }

  let grams: readonly Gram[] = [];
  const forward = await least(2, async () => {
    grams = await engine.grams(some);
  });
  const whole = grams.map(gram => repeated(gram, count));
  const halves = halfSamples(count);
  const row = await least(5, () => {
    retentionRow({probes: whole, inverted: whole});
    for (const gram of whole) ckaOfHalves(halfSums(gram, halves), halfSums(gram, halves));
  });

  const layers = engine.layers.length;
  const panel = selectFactors(factors).length;
  const forwards = layers + 1 + (panel === 0 ? 0 : panel + 1);
  const pass = (MARGIN * forward * count) / some.count;
  return {
    each: forwards * pass + MARGIN * (layers + panel) * row,
    first: layers * pass,
  };
}

/** Milliseconds of a core that this process has used so far. */
export function cpuMilliseconds(): number {
  const {user, system} = process.cpuUsage();
  return (user + system) / 1000;
}

/** A Gram of so many images; what stands in it does not matter to how long it takes. */
function repeated({n, data}: Gram, count: number): Gram {
  const at = (i: number): number => data[(Math.floor(i / count) % n) * n + ((i % count) % n)]!;
  return {n: count, data: Float64Array.from({length: count * count}, (_, i) => at(i))};
}
