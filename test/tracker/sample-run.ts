import type {Baseline, Estimates, Fingerprint, LayerName, Reading, RunInfo, Score} from '../../src/types.js';

export const sampleLayers: LayerName[] = ['block_00', 'block_01', 'block_02', 'norm'];

/** A matrix whose diagonal is `diagonal` and that falls off by .1 a column. */
function around(diagonal: number): Estimates {
  const matrix = (shift: number) =>
    sampleLayers.map((_, i) => sampleLayers.map((_, j) => diagonal + shift - 0.1 * Math.abs(i - j)));
  return {unbiased: matrix(0), biased: matrix(0.01)};
}

const fingerprint: Fingerprint = {
  id: 'f1',
  pretrained: 'p1',
  probes: 'x1',
  seeds: 's1',
  layers: sampleLayers,
  pooling: 'tokens',
  inversion: {preset: 'fast', steps: 50},
  floor: 'random 0',
};

export function sampleInfo(id = 'run-1', config: Record<string, unknown> = {lr: 0.001}): RunInfo {
  return {
    format: 2,
    id,
    name: `birds ${id}`,
    created: 1_760_000_000_000,
    layers: sampleLayers,
    pooling: 'tokens',
    fingerprint,
    probes: {count: 32, source: 'data/birds/probes'},
    engine: 'onnxruntime-node 1.30.0, cpu, 1 thread',
    versions: {'wandb-invariance': '0.1.0', node: '20.0.0'},
    git: '0123456789abcdef0123456789abcdef01234567',
    config,
  };
}

export function sampleBaseline(): Baseline {
  return {
    fingerprint,
    layers: sampleLayers,
    blocks: sampleLayers.slice(0, 3),
    ceiling: around(0.95),
    floor: around(0.3),
    factors: [
      {
        factor: 'hue',
        strength: 0.5,
        invariance: [0.9, 0.9, 0.95, 0.9],
        ratio: [0.2, 0.2, 0.2, 0.2],
        pixels: 0.99,
        random: [0.9, 0.9, 0.9, 0.9],
      },
    ],
    floorSpread: {draws: 8, diagonal: [0.02, 0.02, 0.02, 0.02]},
    scratch: around(0.6),
    controls: {noise: [0.01, 0.02, 0.01, 0], permuted: [0, 0, 0, 0]},
    flow: [0.5, null, 1.5, null],
    gates: sampleLayers.map((layer, i) => ({
      layer,
      rel: 0.1,
      fvu: i === 1 ? 0.08 : 0.01,
      rmsToProbes: 0.2,
      rmsToSeeds: 0.4,
      unconverged: 0,
      evaluations: 50,
      threshold: 0.05,
      passed: i !== 1,
    })),
    cost: {seconds: 12, forwards: 160, gradients: 6400},
  };
}

function notConverged(): Score {
  return {status: 'withheld', reason: 'inversion not converged: fvu 0.080 is not under 0.05'};
}

/** Of `block_00`, `block_02` shows .06 more than the pretrained model. */
function withArrival({unbiased, biased}: Estimates): Estimates {
  unbiased[0]![2] = 0.81;
  return {unbiased, biased};
}

/** A reading that forgets a little with every step; `block_01`, whose inversion did not converge, is withheld. */
export function sampleReading(step: number): Reading {
  const kept = 1 / (1 + step / 1000);
  const scoreOf = (i: number) => kept - 0.01 * i;
  return {
    step,
    epoch: step / 100,
    time: 1_760_000_000_000 + step * 1000,
    logged: {'train/loss': 2 * kept},
    fingerprint: 'f1',
    layers: sampleLayers,
    retention: withArrival(around(0.3 + 0.65 * kept)),
    drift: around(0.1 * (1 - kept)),
    scores: sampleLayers.map((layer, i) =>
      layer === 'block_01'
        ? notConverged()
        : {status: 'scored', value: scoreOf(i), low: kept - 0.05, high: kept + 0.05},
    ),
    meanScore: (scoreOf(0) + scoreOf(2) + scoreOf(3)) / 3,
    flow: {centre: [0.5, null, 1.2, null], strongest: [0, null, 1, null]},
    compression: {layers: [0, null, 0.15, null], mean: 0.15},
    factors: [
      {
        factor: 'hue',
        invariance: [0.9, 0.9, 0.95 * kept, 0.9],
        change: sampleLayers.map((_, i) => {
          const change = i === 2 ? 0.95 * (kept - 1) : 0;
          return {status: 'scored', value: change, low: change - 0.01, high: change + 0.01};
        }),
        ratio: [0.2, 0.2, 0.3, 0.2],
      },
    ],
    retentionIntervals: sampleLayers.map(() => ({low: 0.25 + 0.65 * kept, high: 0.35 + 0.65 * kept})),
    gain: [0.02, 0, 0, 0].map((low, i) =>
      i === 1 ? notConverged() : {status: 'scored', value: low, low, high: 0.1},
    ),
    loss: [0.1, 0, 0.1, 0].map((low, i) =>
      i === 1 ? notConverged() : {status: 'scored', value: low, low, high: 0.2},
    ),
    arrival: [2, null, null, null],
    weightDrift: [0.01, 0.02, 0.03, null],
    cost: {seconds: 3.2, forwards: 160, gradients: 0},
  };
}
