import {readFileSync} from 'node:fs';
import {
  type DiagonalHalves,
  compression,
  flow,
  meanScore,
  migration,
  retentionScores,
} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import type {RenderedRun} from '../../src/render/index.js';
import type {Baseline, Estimates, Fingerprint, Gate, LayerName, Matrix, Reading} from '../../src/types.js';

interface Measured {
  R_biased: number[][];
  R_unbiased: number[][];
  drift_unbiased_diag: number[];
}

/** A real finetune of a ViT from CIFAR-10 classes to others, measured in PyTorch by others; preset `stir`, 100 steps. */
const measured: Record<string, Measured> & {quality: {rel: number; fvu: number}[]} = JSON.parse(
  readFileSync('test/fixtures/vit-cifar.json', 'utf8'),
);
const STEPS = [0, 25, 50, 100, 200, 400];
/** How far the intervals of R reach, in the run of the reference and in the made-up one. */
const REACH = {recorded: 0.02, synthetic: 0.05};

/**
 * The finetune as a recorded run of six readings. The reference holds no Grams and one random network, so its intervals here
 * are ±0.02 of R, the spread of the floor is .008, and its drift is known on the diagonal alone.
 *
 * @param options.threshold of the gates. Block 0 and the norm pass .05; all pass .13, the default here.
 */
export function recordedRun({threshold = 0.13} = {}): RenderedRun & {baseline: Baseline} {
  const layers = [0, 1, 2, 3, 4, 5].map(block => `block_0${block}`).concat('norm');
  const blocks = layers.slice(0, 6);
  const places = blocks.map((_, i) => i);
  const estimates = (name: string): Estimates => ({
    unbiased: structuredClone(measured[name]!.R_unbiased),
    biased: structuredClone(measured[name]!.R_biased),
  });
  const ceiling = estimates('W0');
  const floor = estimates('floor_random_init');
  const gates = measured.quality.map(({rel, fvu}, i): Gate => ({
    layer: layers[i]!,
    rel,
    fvu,
    rmsToProbes: 0.21,
    rmsToSeeds: 0.44,
    unconverged: fvu < threshold ? 0.05 : 0.6,
    evaluations: 100,
    threshold,
    passed: fvu < threshold,
  }));
  const scale = {ceiling, floor, floorSpread: {draws: 8, diagonal: layers.map(() => 0.008)}, gates};
  const baseline: Baseline = {
    fingerprint: fingerprintOf(layers),
    layers,
    blocks,
    ...scale,
    controls: {noise: layers.map((_, i) => 0.01 * i), permuted: layers.map((_, i) => -0.004 * i)},
    flow: flow({retention: ceiling, baseline: scale, blocks: places}).centre,
    cost: {seconds: 148, forwards: 1088, gradients: 44_800},
  };
  const readings = STEPS.map((step): Reading => {
    const name = step === 0 ? 'W0' : `checkpoint-${step}`;
    const retention = estimates(name);
    const here = flow({retention, baseline, blocks: places});
    const scores = retentionScores({
      retention,
      baseline,
      halves: halvesOf({retention, ceiling, floor}, REACH.recorded),
      count: 64,
    });
    return {
      step,
      epoch: step / 100,
      time: 1_760_000_000_000 + 1000 * step,
      logged: {'train/loss': 1.4 * Math.exp(-step / 300)},
      fingerprint: baseline.fingerprint.id,
      layers,
      retention,
      drift: diagonalOnly(measured[name]!.drift_unbiased_diag),
      scores,
      meanScore: meanScore(scores, baseline),
      ...reachOf({retention, baseline, blocks: places}, REACH.recorded),
      flow: here,
      compression: compression({initial: baseline.flow, current: here.centre, blocks: places}),
      weightDrift: layers.map((_, i) => (step / 400) * 0.02 * (i + 1)),
      cost: {seconds: 2.1, forwards: 512, gradients: 0},
    };
  });
  return {
    info: {
      format: 2,
      id: 'vit-cifar-1',
      name: 'vit-cifar, six classes to four',
      created: 1_760_000_000_000,
      layers,
      pooling: 'tokens',
      fingerprint: baseline.fingerprint,
      probes: {count: 64, source: 'data/cifar10/test'},
      engine: 'onnxruntime-node 1.30.0, cpu, 1 thread',
      versions: {'wandb-invariance': '0.1.0', node: '20.19.0'},
      git: '0123456789abcdef0123456789abcdef01234567',
      config: {learningRate: 0.001, batchSize: 64},
    },
    baseline,
    readings,
    events: [
      {time: 1_760_000_000_000, type: 'baseline', baseline},
      {
        time: 1_760_000_400_000,
        type: 'checkpoint',
        step: 400,
        path: 'checkpoints/step-400',
        aliases: ['latest'],
      },
      {time: 1_760_000_401_000, type: 'ended', state: 'finished'},
    ],
    state: 'finished',
  };
}

/** Half-samples of the retention whose 95 % interval reaches this far; ceiling and floor stand still. */
function halvesOf(
  {retention, ceiling, floor}: {retention: Estimates; ceiling: Estimates; floor: Estimates},
  reach: number,
): DiagonalHalves {
  const around = ({unbiased}: Estimates, by: number) =>
    unbiased.map((row, i) =>
      Float64Array.from({length: 201}, (_, k) => row[i]! + (by / 0.95) * (k / 100 - 1)),
    );
  return {retention: around(retention, reach), ceiling: around(ceiling, 0), floor: around(floor, 0)};
}

/** Intervals of R, gain and loss, where every half-sample moves R up or down as a whole. */
function reachOf(
  {retention, baseline, blocks}: {retention: Estimates; baseline: Baseline; blocks: readonly number[]},
  reach: number,
): Pick<Reading, 'retentionIntervals' | 'gain' | 'loss' | 'arrival'> {
  const {ceiling, gates} = baseline;
  const pairs = ({unbiased}: Estimates, by: number) =>
    unbiased.map(row =>
      blocks.map(j => Float64Array.from({length: 201}, (_, k) => row[j]! + (by / 0.95) * (k / 100 - 1))),
    );
  return {
    retentionIntervals: retention.unbiased.map((row, i) => ({low: row[i]! - reach, high: row[i]! + reach})),
    ...migration({
      retention,
      ceiling,
      halves: {retention: pairs(retention, reach), ceiling: pairs(ceiling, 0)},
      blocks,
      gates,
    }),
  };
}

/** The run as it stood on record before floors of several networks, intervals of R, gains and losses. */
export function ofBefore(given: RenderedRun & {baseline: Baseline}): RenderedRun & {baseline: Baseline} {
  const run = structuredClone(given);
  delete run.baseline.floorSpread;
  for (const reading of run.readings)
    for (const name of ['retentionIntervals', 'gain', 'loss', 'arrival'] as const) delete reading[name];
  return run;
}

/** The run with a network that was trained from scratch on the new task: it stands in the middle of the scale. */
export function withScratch(run: RenderedRun & {baseline: Baseline}): RenderedRun & {baseline: Baseline} {
  const {ceiling, floor} = run.baseline;
  const middle = (a: Matrix, b: Matrix) => a.map((row, i) => row.map((value, j) => (value! + b[i]![j]!) / 2));
  return {
    ...run,
    baseline: {
      ...run.baseline,
      scratch: {
        unbiased: middle(ceiling.unbiased, floor.unbiased),
        biased: middle(ceiling.biased, floor.biased),
      },
    },
  };
}

/** The run as it is where the architecture alone comes close to the pretrained model: no layer has a score. */
export function narrowRun(): RenderedRun & {baseline: Baseline} {
  const run = recordedRun();
  const {baseline} = run;
  baseline.ceiling.unbiased.forEach((row, i) => (baseline.floor.unbiased[i]![i] = row[i]! - 0.03));
  const places = baseline.blocks.map((_, i) => i);
  for (const reading of run.readings) {
    reading.scores = retentionScores({retention: reading.retention, baseline, halves: null, count: 64});
    reading.meanScore = null;
    reading.flow = flow({retention: reading.retention, baseline, blocks: places});
    reading.compression = compression({
      initial: reading.flow.centre,
      current: reading.flow.centre,
      blocks: places,
    });
  }
  baseline.flow = run.readings[0]!.flow.centre;
  return run;
}

/** The same run as if it trained at half the pace: what it measured at step n stands at step 2 n. */
export function halfPace(run: RenderedRun): RenderedRun {
  return {
    ...run,
    info: {...run.info, id: `${run.info.id}-half`, name: `${run.info.name}, half pace`},
    readings: run.readings.map(reading => ({...reading, step: 2 * reading.step})),
  };
}

/** A made-up run of any size: deep layers forget, and what they held moves to shallower ones. */
export function syntheticRun({
  layers: depth = 24,
  readings: count = 200,
  passed = () => true,
}: {layers?: number; readings?: number; passed?: (layer: number) => boolean} = {}): RenderedRun & {
  baseline: Baseline;
} {
  const example = recordedRun();
  const random = seededRandom(1);
  const layers = Array.from({length: depth}, (_, i) => `block_${String(i).padStart(2, '0')}`);
  const places = layers.map((_, i) => i);
  const matrix = (progress: number): Matrix =>
    places.map(i =>
      places.map(j => {
        const home = i * (1 - 0.4 * progress);
        const left = 1 - 0.7 * progress * (i / depth);
        return 0.3 + 0.65 * left * Math.exp(-(((j - home) / 4) ** 2)) + 0.01 * random.normal();
      }),
    );
  const estimates = (values: Matrix): Estimates => ({unbiased: values, biased: values});
  const ceiling = estimates(matrix(0));
  const floor = estimates(places.map(() => places.map(() => 0.3)));
  const gates = layers.map((layer, i): Gate => ({
    ...example.baseline.gates[0]!,
    layer,
    fvu: passed(i) ? 0.001 * (i + 1) : 0.09,
    threshold: 0.05,
    passed: passed(i),
  }));
  const fingerprint = fingerprintOf(layers);
  const scale = {ceiling, floor, gates};
  const baseline: Baseline = {
    ...example.baseline,
    fingerprint,
    layers,
    blocks: layers,
    ...scale,
    controls: {noise: places.map(() => 0), permuted: places.map(() => 0)},
    flow: flow({retention: ceiling, baseline: scale, blocks: places}).centre,
  };
  const readings = Array.from({length: count}, (_, index): Reading => {
    const progress = count === 1 ? 1 : index / (count - 1);
    const retention = progress === 0 ? ceiling : estimates(matrix(progress));
    const here = flow({retention, baseline, blocks: places});
    const scores = retentionScores({
      retention,
      baseline,
      halves: halvesOf({retention, ceiling, floor}, REACH.synthetic),
      count: 64,
    });
    return {
      ...example.readings[0]!,
      step: 250 * index,
      epoch: index / 4,
      layers,
      retention,
      drift: diagonalOnly(places.map(i => (progress * i) / depth)),
      scores,
      meanScore: meanScore(scores, baseline),
      ...reachOf({retention, baseline, blocks: places}, REACH.synthetic),
      flow: here,
      compression: compression({initial: baseline.flow, current: here.centre, blocks: places}),
      weightDrift: places.map(i => 0.01 * progress * i),
    };
  });
  return {...example, info: {...example.info, layers, fingerprint}, baseline, readings};
}

function fingerprintOf(layers: readonly LayerName[]): Fingerprint {
  return {
    id: 'b7f1c2d9',
    pretrained: '5e0c7a11',
    probes: '1a2b3c4d',
    seeds: '99aa88bb',
    layers,
    pooling: 'tokens',
    inversion: {preset: 'stir', steps: 100, stepSize: 0.5},
    floor: 'random 0',
  };
}

function diagonalOnly(diagonal: readonly number[]): Estimates {
  const matrix = diagonal.map((value, i) => diagonal.map((_, j) => (i === j ? value : null)));
  return {unbiased: matrix, biased: matrix};
}
