import type {Engine, Weights} from '../engine/index.js';
import type {InversionOptions} from '../inversion/index.js';
import {
  acquiredMatrix,
  compression,
  driftMatrix,
  flow,
  intervalOfHalves,
  meanScore,
  migration,
  novelty,
  packHalves,
  retentionRow,
  retentionScores,
  convergence,
  unpackHalves,
  weightDrift,
  type Halves,
  type LayerWeights,
} from '../metrics/index.js';
import type {Baseline, FactorReading, Gate, Gram, Images, LayerName, Moment, Reading} from '../types.js';
import {blockPlaces} from './baseline.js';
import {invert, type Inversions} from './inversions.js';
import {measureRetention} from './measure-retention.js';
import type {OnProgress} from './progress.js';
import type {RidgeProbes} from './ridge-probes.js';
import {withWeights} from './with-weights.js';

/** What a measurer holds between readings. */
export interface Subject {
  engine: Engine;
  reference: Weights;
  /** Grams of the pretrained layers on X. */
  referenceGrams: readonly Gram[];
  probes: Images;
  seeds: Images;
  options: InversionOptions;
  inversions: Inversions;
  baseline: Baseline;
  /** On half-samples: W0[i, i] and N[i, i], and W0[i, j] over the blocks j, a row i. */
  halves: {ceiling: Halves[]; floor: Halves[]; pairs: Halves[][]};
  /** Null without labels. */
  ridge: RidgeProbes | null;
  /** The panel on the weights in force. */
  panelReading: () => Promise<FactorReading[]>;
  onProgress: OnProgress;
}

/**
 * One reading of the weights in force.
 * Cost: L + 1 forward passes of the probes, and those of the panel; L more with `convergence`; with `acquired` L inversions and L forward
 * passes more.
 */
export async function measureReading(
  subject: Subject,
  {moment, acquire, convergence: judged}: {moment: Moment; acquire: boolean; convergence: boolean},
): Promise<Omit<Reading, 'cost'>> {
  const {engine, reference, referenceGrams, probes, inversions, baseline, onProgress} = subject;
  const {layers} = engine;
  const blocks = blockPlaces(engine);
  const ridge = subject.ridge?.read();
  const current = await engine.grams(probes, ridge?.onFeatures);
  const half: (number | null)[] = [];
  const {retention, diagonal, columns} = await measureRetention({
    engine,
    inversions,
    own: current,
    columns: blocks,
    async onRow(layer, row, {entry}) {
      if (judged) {
        const earlier = await engine.grams(entry.halfway);
        half.push(retentionRow({probes: current, inverted: earlier}).unbiased[row]!);
      }
      onProgress({phase: 'reading', layer, done: row + 1, total: layers.length, secondsLeft: null});
    },
  });

  const factors = await subject.panelReading();
  const {ceiling, gates} = baseline;
  const kept = retention.unbiased.map((row, i) => row[i]!);
  const halves = packHalves(diagonal);
  const ownHalves = unpackHalves(halves, layers.length);
  const moved = flow({retention, baseline, blocks});
  const scores = retentionScores({
    retention,
    baseline,
    halves: {...subject.halves, retention: ownHalves},
    count: probes.count,
  });
  return {
    ...moment,
    fingerprint: baseline.fingerprint.id,
    layers,
    retention,
    retentionIntervals: kept.map((value, i) => {
      const sampled = ownHalves[i]!;
      return value === null || sampled === null ? null : intervalOfHalves(value, sampled);
    }),
    halves,
    drift: driftMatrix({reference: referenceGrams, current}),
    scores,
    meanScore: meanScore(scores, baseline),
    flow: moved,
    compression: compression({initial: baseline.flow, current: moved.centre, blocks}),
    ...migration({
      retention,
      ceiling,
      halves: {
        ceiling: subject.halves.pairs,
        retention: columns.map(row => unpackHalves(packHalves(row), row.length)),
      },
      blocks,
      gates,
    }),
    ...(ridge && {ridge: ridge.result()}),
    weightDrift: weightDrift(weightsByLayer(layers, reference), weightsByLayer(layers, engine.weights())),
    ...(factors.length > 0 && {factors}),
    ...(acquire && {acquired: await measureAcquired(subject)}),
    ...(judged && {convergence: convergence(kept, half)}),
  };
}

/**
 * A_t: the pretrained layers on images that the finetuned layers cannot tell from X. These inversions belong to one
 * checkpoint alone, so they are not cached, and each is judged by a gate of its own.
 */
async function measureAcquired(subject: Subject): Promise<Reading['acquired']> {
  const {engine, reference, referenceGrams, baseline, onProgress, options} = subject;
  const rows = [];
  const acquiredGates: Gate[] = [];
  for (const [row, layer] of engine.layers.entries()) {
    const total = engine.layers.length * options.steps;
    const {images, gate} = await invert(subject, layer, step =>
      onProgress({phase: 'acquired', layer, done: row * options.steps + step, total, secondsLeft: null}),
    );
    const inverted = await withWeights(engine, reference, () => engine.grams(images));
    rows.push(retentionRow({probes: referenceGrams, inverted}));
    acquiredGates.push(gate);
  }
  const acquired = acquiredMatrix(rows);
  const {ceiling, gates} = baseline;
  return {
    similarity: acquired,
    novelty: novelty({ceiling, acquired, gates, acquiredGates}),
    gates: acquiredGates,
  };
}

function weightsByLayer(layers: readonly LayerName[], weights: Weights): LayerWeights[] {
  const sorted = [...weights].sort((a, b) => (a.name < b.name ? -1 : 1));
  return layers.map(layer => sorted.filter(parameter => parameter.layer === layer).map(({data}) => data));
}
