import type {Engine, Weights} from '../engine/index.js';
import {controls, flow, packHalves, type Halves} from '../metrics/index.js';
import type {Baseline, Cost, Estimates, Fingerprint, Gate, Gram, Images, Matrix} from '../types.js';
import type {Inversions} from './inversions.js';
import {measureRetention, type Retained} from './measure-retention.js';
import type {OnProgress} from './progress.js';
import {withWeights} from './with-weights.js';

/** Random networks behind the floor: one alone moves a layer's score by up to .2 by its luck. */
export const FLOOR_DRAWS = 8;

/** What is kept of a baseline for the readings that follow. */
export interface KeptBaseline {
  baseline: Omit<Baseline, 'cost'>;
  /** W0[i, j] over the blocks j on half-samples, packed, one text a row i. */
  pairs: string[];
}

/**
 * What is measured once a run: W0, the floor N, the controls, the gates and the flow at t = 0.
 * Cost: (L + 1)(k + 1) + 1 forward passes of the probes for k random networks, beside the inversions.
 *
 * @param options.reference the pretrained weights.
 * @param options.floor networks that were never trained, or how many to draw.
 */
export async function measureBaseline({
  engine,
  reference,
  floor,
  probes,
  seeds,
  inversions,
  fingerprint,
  onProgress,
}: {
  engine: Engine;
  reference: Weights;
  floor: readonly Weights[] | number;
  probes: Images;
  seeds: Images;
  inversions: Inversions;
  fingerprint: Fingerprint;
  onProgress: OnProgress;
}): Promise<KeptBaseline> {
  const {layers} = engine;
  const draws = typeof floor === 'number' ? floor : floor.length;
  const blocks = blockPlaces(engine);
  const progress = (network: number) =>
    announcer(onProgress, {before: network * layers.length, total: (draws + 1) * layers.length});

  const networks: Retained[] = [];
  for (const weights of floorNetworks(engine, floor)) {
    const onRow = progress(networks.length);
    networks.push(await measureNetwork({engine, weights, probes, inversions, onRow}));
  }
  const gates: Gate[] = [];
  const diagonal: Gram[] = [];
  const {retained, own, noise} = await withWeights(engine, reference, async () => {
    const own = await engine.grams(probes);
    const announce = progress(draws);
    const retained = await measureRetention({
      engine,
      inversions,
      own,
      columns: blocks,
      onRow(layer, row, {entry, inverted}) {
        gates[row] = entry.gate;
        diagonal[row] = inverted[row]!;
        announce(layer, row);
      },
    });
    return {own, retained, noise: await engine.grams(seeds)};
  });

  const scale = {ceiling: retained.retention, ...floorOf(networks), gates};
  return {
    baseline: {
      fingerprint,
      layers,
      blocks: engine.blocks,
      ...scale,
      halves: {
        ceiling: packHalves(retained.diagonal),
        floor: packHalves(layers.map((_, i) => meanHalves(networks.map(({diagonal}) => diagonal[i]!)))),
      },
      controls: controls({probes: own, inverted: diagonal, seeds: noise}),
      flow: flow({retention: retained.retention, baseline: scale, blocks}).centre,
    },
    pairs: retained.columns.map(row => packHalves(row)),
  };
}

/** Networks that were never trained, one at a time. */
export function* floorNetworks(engine: Engine, floor: readonly Weights[] | number): Generator<Weights> {
  if (typeof floor !== 'number') yield* floor;
  else for (let seed = 0; seed < floor; seed++) yield engine.randomWeights(seed);
}

/** R of another network in place of the finetuned one. */
export async function measureNetwork({
  engine,
  weights,
  probes,
  inversions,
  onRow,
}: {
  engine: Engine;
  weights: Weights;
  probes: Images;
  inversions: Inversions;
  onRow: ReturnType<typeof announcer>;
}): Promise<Retained> {
  return withWeights(engine, weights, async () =>
    measureRetention({engine, inversions, own: await engine.grams(probes), onRow}),
  );
}

/** Says which layer of the baseline is done. */
export function announcer(onProgress: OnProgress, {before, total}: {before: number; total: number}) {
  return (layer: string, row: number): void =>
    onProgress({phase: 'baseline', layer, done: before + row + 1, total, secondsLeft: null});
}

/** N and its spread over the random networks. */
function floorOf(networks: readonly Retained[]): Pick<Baseline, 'floor' | 'floorSpread'> {
  const over = (estimator: keyof Estimates): Matrix =>
    networks[0]!.retention[estimator].map((row, i) =>
      row.map((_, j) => moments(networks.map(({retention}) => retention[estimator][i]![j]!)).mean),
    );
  const floor = {unbiased: over('unbiased'), biased: over('biased')};
  if (networks.length === 1) return {floor};
  const diagonal = floor.unbiased.map(
    (_, i) => moments(networks.map(({retention}) => retention.unbiased[i]![i]!)).deviation,
  );
  return {floor, floorSpread: {draws: networks.length, diagonal}};
}

/** Mean and standard deviation (of k − 1); null where a value is withheld. */
function moments(values: readonly (number | null)[]): {mean: number | null; deviation: number | null} {
  if (!values.every(value => value !== null)) return {mean: null, deviation: null};
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {mean, deviation: Math.sqrt(squares / (values.length - 1))};
}

function meanHalves(networks: readonly Halves[]): Halves {
  if (!networks.every(halves => halves !== null)) return null;
  return networks[0]!.map(
    (_, half) => networks.reduce((sum, halves) => sum + halves[half]!, 0) / networks.length,
  );
}

/** Places of the residual-stream blocks among the measured layers. */
export function blockPlaces({layers, blocks}: Pick<Engine, 'layers' | 'blocks'>): number[] {
  return blocks.map(block => layers.indexOf(block));
}

/** What is found in the cache cost nothing this time. */
export const NO_COST: Cost = {seconds: 0, cpuSeconds: 0, forwards: 0, gradients: 0};
