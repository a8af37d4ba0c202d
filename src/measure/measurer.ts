import {InTurn} from '../disk/index.js';
import type {Engine, Weights} from '../engine/index.js';
import {InvarianceError} from '../errors.js';
import {type FactorSelection, selectFactors} from '../factors/index.js';
import {
  drawSeeds,
  fingerprintOf,
  hashText,
  hashWeights,
  inversionOptions,
  openInversionCache,
  type InversionCache,
  type InversionOptions,
} from '../inversion/index.js';
import type {Baseline, Cost, Images, Moment, Reading} from '../types.js';
import {nothingScored, unpackHalves} from '../metrics/index.js';
import {announcer, FLOOR_DRAWS, floorNetworks, measureBaseline, measureNetwork, NO_COST} from './baseline.js';
import {openInversions} from './inversions.js';
import {countCost} from './count-cost.js';
import {MIN_PROBES, type Labels} from '../probes/index.js';
import type {OnProgress} from './progress.js';
import {openPanel} from './panel.js';
import {measureReading} from './reading.js';
import {openRidgeProbes} from './ridge-probes.js';
import {withWeights} from './with-weights.js';

export interface MeasurerOptions {
  /** The model. Its weights are put back after every measurement, so it may be live. */
  engine: Engine;
  /** X: at least 4 images that fit the engine. */
  probes: Images;
  /** S, as many as the probes; default `drawSeeds` with seed 0. */
  seeds?: Images;
  /** The pretrained weights; default those in force now. */
  reference?: Weights;
  /** Networks never trained, for the floor N, or how many to draw, with seeds from 0; default 8. */
  floor?: readonly Weights[] | number;
  /** A network trained from scratch on the new task, for a second mark beside the floor; default none. */
  scratch?: Weights | null;
  /** Default `inversionOptions()`: preset fast. */
  inversion?: InversionOptions;
  /** Named transformations of the probes; default five. Each is a forward pass of the probes a reading. */
  factors?: FactorSelection;
  /** Default in memory, for this measurer alone. */
  cache?: InversionCache;
  /** Processes that make inversions for this one through a shared cache, itself included; default 1. */
  workers?: number;
  /** Labels of the probes, for ridge probes; default none. */
  labels?: readonly Labels[];
  onProgress?: OnProgress;
  /** Told of labels that are too few for a ridge probe, and of a baseline by which no layer can be scored. */
  onNotice?: (code: string, message: string) => void;
  /** Milliseconds of a clock that never goes back; default `performance.now`. */
  now?: () => number;
}

export interface Measurer {
  readonly baseline: Baseline;
  /**
   * Measures `weights` (default: those in force) against the pretrained model. Readings are taken one after another.
   *
   * @param options.acquire take A_t as well: L inversions more. Default false.
   * @param options.convergence report |R(T) − R(T/2)|: L forward passes more. Default on the first call after step 0.
   * @throws InvarianceError `bad_weights`, naming the tensor, where weights do not fit or are not finite.
   */
  read(options: {
    weights?: Weights;
    moment: Moment;
    acquire?: boolean;
    convergence?: boolean;
  }): Promise<Reading>;
  /** Ends the engine as well. */
  dispose(): Promise<void>;
}

/**
 * Inverts the pretrained layers (or finds them in the cache), measures the baseline (or finds it), and is then ready
 * for readings. At t = 0, R equals W0 to the bit.
 *
 * @throws InvarianceError `bad_probes` for fewer than 4 probes or images that do not fit the engine or one another.
 */
export async function createMeasurer({
  engine: uncounted,
  probes,
  seeds = drawSeeds({like: probes}),
  reference = uncounted.weights(),
  floor = FLOOR_DRAWS,
  scratch = null,
  inversion: options = inversionOptions(),
  factors,
  cache,
  workers = 1,
  labels = [],
  onProgress = () => {},
  onNotice = () => {},
  now = () => performance.now(),
}: MeasurerOptions): Promise<Measurer> {
  checkFit(uncounted, {probes, seeds});
  cache ??= await openInversionCache({folder: null});
  const {engine, cost} = countCost(uncounted, now);
  const inputs = {engine, weights: reference, probes, seeds, options};
  const inversions = openInversions({...inputs, cache, workers, onProgress, now});
  const fingerprint = fingerprintOf({...inputs, floor});

  // Equal to the bit only where the same engine measures both: hence its description. 3: what is kept.
  const keyOf = (what: string) => hashText(`${what} ${fingerprint.id} ${engine.description}`);
  const first = await kept(cache, keyOf('baseline 3'), () =>
    cost(async () => {
      await inversions.prepare();
      return measureBaseline({...inputs, reference, floor, inversions, fingerprint, onProgress});
    }),
  );
  const control =
    scratch &&
    (await kept(cache, keyOf(`scratch 1 ${hashWeights(engine.layers, scratch)}`), () =>
      cost(async () => {
        const onRow = announcer(onProgress, {before: 0, total: engine.layers.length});
        return (await measureNetwork({engine, weights: scratch, probes, inversions, onRow})).retention;
      }),
    ));
  const panel = openPanel({engine, probes, factors: selectFactors(factors)});
  const panelled = await kept(cache, keyOf(`factors 1 ${panel.key}`), () =>
    cost(() => withWeights(engine, reference, () => panel.measureReference(floorNetworks(engine, floor)))),
  );
  const {baseline: measured, pairs} = first.result;
  const ridge = openRidgeProbes(labels, onNotice);
  const referenceGrams = await withWeights(engine, reference, () => engine.grams(probes, ridge?.reference));
  const baseline: Baseline = {
    ...measured,
    ...(control && {scratch: control.result}),
    ...(ridge && {ridge: ridge.baseline()}),
    ...(panelled.result.factors.length > 0 && {factors: panelled.result.factors}),
    cost: [first, control, panelled].reduce((sum, part) => total(sum, part?.cost ?? NO_COST), NO_COST),
  };
  const unscored = nothingScored(baseline);
  if (unscored !== null) onNotice('nothing_scored', unscored);
  const rows = engine.layers.length;
  const halves = {
    ceiling: unpackHalves(baseline.halves!.ceiling, rows),
    floor: unpackHalves(baseline.halves!.floor, rows),
    pairs: pairs.map(text => unpackHalves(text, engine.blocks.length)),
  };
  const panelReading = () => panel.read(panelled.result);
  const subject = {
    ...inputs,
    reference,
    referenceGrams,
    inversions,
    baseline,
    halves,
    panelReading,
    ridge,
    onProgress,
  };

  let convergenceKnown = false;
  const queue = new InTurn();
  return {
    baseline,
    read({weights, moment, acquire = false, convergence}) {
      return queue.do(async () => {
        const judged = convergence ?? (moment.step > 0 && !convergenceKnown);
        const take = () => measureReading(subject, {moment, acquire, convergence: judged});
        const taken = await cost(() => (weights ? withWeights(engine, weights, take) : take()));
        convergenceKnown ||= judged;
        return {...taken.result, cost: taken.cost};
      });
    },
    async dispose() {
      await queue.done();
      await engine.dispose();
    },
  };
}

/** From the cache, or measured now and kept there. */
async function kept<T>(
  cache: InversionCache,
  key: string,
  measure: () => Promise<{result: T; cost: Cost}>,
): Promise<{result: T; cost: Cost}> {
  const found = (await cache.readValue(key)) as T | null;
  if (found) return {result: found, cost: NO_COST};
  const made = await measure();
  await cache.writeValue(key, made.result);
  return made;
}

function total(a: Cost, b: Cost): Cost {
  return {
    seconds: a.seconds + b.seconds,
    cpuSeconds: a.cpuSeconds! + b.cpuSeconds!,
    forwards: a.forwards + b.forwards,
    gradients: a.gradients + b.gradients,
  };
}

/** @throws InvarianceError `bad_probes` for fewer than 4 probes, images of another size than the model takes, seeds for others. */
export function checkFit(
  engine: Pick<Engine, 'input'>,
  {probes, seeds}: {probes: Images; seeds: Images},
): void {
  if (probes.count < MIN_PROBES)
    throw new InvarianceError(
      'bad_probes',
      `${probes.count} probes are too few: give at least ${MIN_PROBES}`,
    );
  const size = ({channels, height, width}: {channels: number; height: number; width: number}) =>
    `${channels} × ${height} × ${width}`;
  for (const [what, images] of Object.entries({probes, seeds}))
    if (size(images) !== size(engine.input))
      throw new InvarianceError(
        'bad_probes',
        `${what} of ${size(images)} do not fit the model, which takes ${size(engine.input)}; resize them`,
      );
  if (seeds.count !== probes.count)
    throw new InvarianceError(
      'bad_probes',
      `${seeds.count} seeds for ${probes.count} probes: give one for each`,
    );
}
