import type {Engine, Weights} from '../engine/index.js';
import type {InversionOptions} from '../inversion/index.js';
import {
  acquiredMatrix,
  bootstrapCka,
  compression,
  driftMatrix,
  flow,
  meanScore,
  novelty,
  retentionMatrix,
  retentionRow,
  retentionScores,
  convergence,
  weightDrift,
  type LayerWeights,
} from '../metrics/index.js';
import type {Baseline, Gate, Gram, Images, LayerName, Moment, Reading} from '../types.js';
import {blockPlaces} from './baseline.js';
import {invert, type Inversions} from './inversions.js';
import type {OnProgress} from './progress.js';
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
  onProgress: OnProgress;
}

/**
 * One reading of the weights in force. One row of R is made at a time: beside the Grams of X, only L Grams are held.
 * Cost: L + 1 forward passes of the probes; L more with `convergence`; with `acquired` L inversions and L forward
 * passes more.
 */
export async function measureReading(
  subject: Subject,
  {moment, acquire, convergence: judged}: {moment: Moment; acquire: boolean; convergence: boolean},
): Promise<Omit<Reading, 'cost'>> {
  const {engine, reference, referenceGrams, probes, inversions, baseline, onProgress} = subject;
  const {layers} = engine;
  const current = await engine.grams(probes);
  const rows = [];
  const intervals = [];
  const final: (number | null)[] = [];
  const half: (number | null)[] = [];
  for (const [row, layer] of layers.entries()) {
    const {images, halfway} = await inversions.of(layer);
    const inverted = await engine.grams(images);
    rows.push(retentionRow({probes: current, inverted}));
    intervals.push(bootstrapCka(current[row]!, inverted[row]!));
    if (judged) {
      const earlier = await engine.grams(halfway);
      final.push(rows[row]!.unbiased[row]!);
      half.push(retentionRow({probes: current, inverted: earlier}).unbiased[row]!);
    }
    onProgress({phase: 'reading', layer, done: row + 1, total: layers.length, secondsLeft: null});
  }

  const {ceiling, floor, gates} = baseline;
  const retention = retentionMatrix(rows);
  const blocks = blockPlaces(engine);
  const moved = flow({retention, floor, blocks, gates});
  const scores = retentionScores({retention, ceiling, floor, intervals, gates, count: probes.count});
  return {
    ...moment,
    fingerprint: baseline.fingerprint.id,
    layers,
    retention,
    drift: driftMatrix({reference: referenceGrams, current}),
    scores,
    meanScore: meanScore(scores, baseline),
    flow: moved,
    compression: compression({initial: baseline.flow, current: moved.centre, blocks}),
    weightDrift: weightDrift(weightsByLayer(layers, reference), weightsByLayer(layers, engine.weights())),
    ...(acquire && {acquired: await measureAcquired(subject)}),
    ...(judged && {convergence: convergence(final, half)}),
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
