import type {MeasurerInfo} from '../../measure/index.js';
import type {
  Baseline,
  Cost,
  Estimates,
  FactorBaseline,
  FactorReading,
  Fingerprint,
  Gate,
  Reading,
  RidgeBaseline,
  RidgeReading,
  Score,
} from '../../types.js';

/** What `measure --json` prints: one finetuned model against its pretrained one. Rows are pretrained layers. */
export interface Analysis {
  layers: readonly string[];
  /** Those of them that are residual-stream blocks: positions of `flow` count these. */
  blocks: readonly string[];
  /** R, the ceiling W0, the floor N, the scratch control where there is one, and A where it was asked for. */
  R: Estimates;
  W0: Estimates;
  floor: Estimates;
  scratch: Estimates | null;
  A: Estimates | null;
  /** 95 % intervals of R[i, i]. */
  retentionIntervals: NonNullable<Reading['retentionIntervals']> | null;
  /** How many random networks make the floor, and the standard deviation of N[i, i] over them; null for a single one. */
  floorSpread: NonNullable<Baseline['floorSpread']> | null;
  drift: Estimates;
  scores: Score[];
  /** Positions among the blocks: `centre` now and `initial` in the pretrained model; `strongest` is a column. */
  flow: Reading['flow'] & {initial: (number | null)[]};
  compression: Reading['compression'];
  /** What other blocks gained and lost of each layer's invariances, and where a sure gain is largest (an index into `layers`). */
  gain: Score[] | null;
  loss: Score[] | null;
  arrival: (number | null)[] | null;
  weightDrift: (number | null)[];
  novelty: (number | null)[] | null;
  /** |R(T) − R(T/2)| of each layer. */
  convergence: (number | null)[] | null;
  /** Ridge probes, one for each set of labels: accuracies and what changed. Null without labels. */
  ridge: {baseline: RidgeBaseline; reading: RidgeReading}[] | null;
  controls: Baseline['controls'];
  /** Of the images inverted from the pretrained layers: what row i of R, W0 and the floor is worth. */
  gates: Gate[];
  /** What a named transformation of the probes changes, in the pretrained model and now; null where none was asked for. */
  factors: {pretrained: FactorBaseline[]; finetuned: FactorReading[]} | null;
  /** Of those inverted from the finetuned layers: what column j of A is worth. Null without A. */
  acquiredGates: Gate[] | null;
  fingerprint: Fingerprint;
  probes: MeasurerInfo['probes'];
  engine: string;
  cost: Cost;
}

export function analysisOf(info: MeasurerInfo, baseline: Baseline, reading: Reading): Analysis {
  return {
    layers: baseline.layers,
    blocks: baseline.blocks,
    R: reading.retention,
    W0: baseline.ceiling,
    floor: baseline.floor,
    scratch: baseline.scratch ?? null,
    A: reading.acquired?.similarity ?? null,
    retentionIntervals: reading.retentionIntervals ?? null,
    floorSpread: baseline.floorSpread ?? null,
    drift: reading.drift,
    scores: reading.scores,
    flow: {...reading.flow, initial: baseline.flow},
    compression: reading.compression,
    gain: reading.gain ?? null,
    loss: reading.loss ?? null,
    arrival: reading.arrival ?? null,
    weightDrift: reading.weightDrift,
    novelty: reading.acquired?.novelty ?? null,
    convergence: reading.convergence ?? null,
    ridge: reading.ridge?.map((of, at) => ({baseline: baseline.ridge![at]!, reading: of})) ?? null,
    controls: baseline.controls,
    gates: baseline.gates,
    factors:
      baseline.factors && reading.factors ? {pretrained: baseline.factors, finetuned: reading.factors} : null,
    acquiredGates: reading.acquired?.gates ?? null,
    fingerprint: baseline.fingerprint,
    probes: info.probes,
    engine: info.engine,
    cost: sum(baseline.cost, reading.cost),
  };
}

function sum(a: Cost, b: Cost): Cost {
  return {
    seconds: a.seconds + b.seconds,
    forwards: a.forwards + b.forwards,
    gradients: a.gradients + b.gradients,
  };
}
