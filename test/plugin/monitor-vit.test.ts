import {existsSync, mkdtempSync, readdirSync, readFileSync} from 'node:fs';
import {rename, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {loadVit, saveVit} from '../../src/engine/index.js';
import {monitorInvariance} from '../../src/plugin/monitor-invariance.js';
import type {MonitorOptions} from '../../src/plugin/options.js';
import {slowerEngine} from '../../src/plugin/snapshot-source.js';
import {seededRandom} from '../../src/random.js';
import {consoleTracker, memoryTracker} from '../../src/tracker/index.js';
import {listRuns, readable, readRun} from '../../src/journal/index.js';
import {useCache} from '../measure/use-cache.js';
import {screen} from '../terminal/screen.js';

const FIXTURE = 'test/fixtures/tfjs-vit';

useCache();
beforeAll(async () => {
  await tf.setBackend('wasm');
});

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'monitor-vit-'));
});

function images(count: number, seed: number, size = 12): tf.Tensor4D {
  const random = seededRandom(seed);
  return tf.tensor4d(
    Float32Array.from({length: count * size * size * 3}, () => random.uniform()),
    [count, size, size, 3],
  );
}

const x = () => images(24, 1);
const y = () => tf.oneHot(tf.range(0, 24, 1, 'int32').mod(tf.scalar(3, 'int32')), 3);
const loss = (labels: tf.Tensor, logits: tf.Tensor) => tf.losses.softmaxCrossEntropy(labels, logits);

async function vit({trainable = () => true}: {trainable?: (layer: string) => boolean} = {}) {
  const model = await loadVit(tf, FIXTURE, {classes: 3});
  for (const layer of model.layers) layer.trainable = trainable(layer.name);
  model.compile({optimizer: tf.train.adam(0.02), loss, metrics: ['accuracy']});
  return model;
}

function optionsFor(model: tf.LayersModel): MonitorOptions {
  return {
    tf,
    model,
    probes: images(8, 2),
    inversion: {steps: 8},
    every: '4 steps',
    budget: Infinity,
    console: false,
    dir: join(dir, 'invariance'),
  };
}

const fit = {batchSize: 4, verbose: 0, shuffle: false};

function weightsOf(model: tf.LayersModel): number[][] {
  return model.getWeights().map(weight => Array.from(weight.dataSync()));
}

describe('a ViT that is finetuned with model.fit', () => {
  it('that diverges says so from the step that shows it, everywhere, and keeps the checkpoints of before', async () => {
    const model = await loadVit(tf, FIXTURE, {classes: 3});
    const optimizer = tf.train.sgd(0.01);
    model.compile({optimizer, loss});
    const said = screen();
    const checkpoints = join(dir, 'checkpoints');
    const monitor = await monitorInvariance({
      ...optionsFor(model),
      every: '2 steps',
      log: '1 step',
      checkpoints: {dir: checkpoints, every: '1 step', keep: 2},
      trackers: [consoleTracker({stream: said})],
    });
    await model.fit(x(), y(), {
      ...fit,
      epochs: 2,
      callbacks: [
        new tf.CustomCallback({
          onBatchEnd: async batch => {
            if (batch === 2) optimizer.setLearningRate(1e30);
          },
        }),
        monitor.callback(),
      ],
    });
    const state = await monitor.finish();
    const {diverged} = state;
    expect(diverged).toBeGreaterThanOrEqual(4);
    expect(state.notices.diverged).toBeGreaterThan(0);
    const sound = readdirSync(checkpoints).map(name => Number(name.replace('checkpoint-', '')));
    expect(sound).toHaveLength(2);
    expect(Math.max(...sound)).toBeLessThan(diverged!);
    const words = `finished, diverged from step ${diverged}`;
    expect(said.lines.at(-1)).toContain(`${words}: `);
    const [run] = readable(await listRuns(join(dir, 'invariance')));
    expect(run!.diverged!.step).toBe(diverged);
    const report = readFileSync(state.report!, 'utf8');
    expect(report).toContain(`· ${words} ·`);
    expect(report).toContain(`The training has diverged by step ${diverged}: loss is NaN;`);
  });

  it('has the same steps read whether its pretrained model is inverted already or not', async () => {
    const cache = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = mkdtempSync(join(tmpdir(), 'cold-'));
    const stepsRead = async (): Promise<number[]> => {
      const model = await vit();
      // A snapshot fits the budget, a reading does not: before readings were expected to cost anything all six were taken.
      const options = {...optionsFor(model), every: '1 step', budget: 0.5, probes: images(64, 2)};
      const monitor = await monitorInvariance(options);
      for (let step = 1; step <= 6; step++) {
        await setTimeout(30);
        await monitor.step();
      }
      const {folder} = await monitor.finish();
      return (await readRun(folder)).readings.map(({step}) => step);
    };
    const cold = await stepsRead();
    expect(await stepsRead()).toEqual(cold);
    expect(cold).toEqual([0, 6]);
    process.env.XDG_CACHE_HOME = cache;
  });

  it('has its readings, checkpoints and record on disk, and its trackers told', async () => {
    const model = await vit();
    const tracker = memoryTracker();
    const checkpoints = join(dir, 'checkpoints');
    const monitor = await monitorInvariance({
      ...optionsFor(model),
      trackers: [tracker],
      checkpoints: {
        dir: checkpoints,
        every: '6 steps',
        keep: 2,
        monitor: 'invariance/drift/block_02',
        mode: 'min',
      },
      config: {lr: 0.02},
    });
    await model.fit(x(), y(), {...fit, epochs: 3, callbacks: monitor.callback()});
    const state = await monitor.finish();

    const run = await readRun(state.folder);
    expect(run.problems).toEqual([]);
    expect(run.state).toBe('finished');
    expect(run.readings.map(({step}) => step)).toEqual([0, 4, 6, 8, 12, 16, 18]);
    expect(run.info).toMatchObject({
      id: state.run,
      layers: ['block_00', 'block_01', 'block_02', 'norm'],
      probes: {count: 8},
      config: {lr: 0.02},
    });
    expect(run.readings.every(({fingerprint}) => fingerprint === run.info.fingerprint.id)).toBe(true);
    expect(tracker.readings).toEqual(run.readings);
    expect(tracker.state).toBe('finished');

    // At t = 0 the model is the pretrained one, to the bit; then it moves away from it.
    const {ceiling} = run.baseline!;
    expect(run.readings[0]!.retention).toEqual(ceiling);
    const driftOf = (i: number) => run.readings[i]!.drift.unbiased[2]![2]!;
    expect(driftOf(0)).toBeCloseTo(0, 12);
    expect(driftOf(5)).toBeGreaterThan(0.01);
    expect(run.readings[5]!.retention).not.toEqual(ceiling);

    // The newest two, and the best: drift only grows, so the first.
    expect(readdirSync(checkpoints).sort()).toEqual(['checkpoint-12', 'checkpoint-18', 'checkpoint-6']);
    expect(state.best).toMatchObject({step: 6, value: driftOf(2)});
    const last = join(checkpoints, 'checkpoint-18');
    const read = await loadVit(tf, last);
    expect(weightsOf(read)).toEqual(weightsOf(model));
    const trainer = JSON.parse(readFileSync(join(last, 'trainer_state.json'), 'utf8')) as {
      log_history: unknown[];
    };
    expect(trainer).toMatchObject({global_step: 18, epoch: 3});
    expect(trainer.log_history.at(-1)).toMatchObject({step: 12, epoch: 2, epoch_loss: expect.any(Number)});
    expect(existsSync(join(last, 'optimizer.safetensors'))).toBe(true);
    expect(readdirSync(state.folder).sort()).toEqual([
      'journal.jsonl',
      'media',
      'report.html',
      'run.json',
      'writer.json',
    ]);
    expect(state.report).toBe(join(state.folder, 'report.html'));
  });

  it('keeps every invariance, to the bit, where only its head is trained', async () => {
    const model = await vit({trainable: layer => layer === 'head'});
    const before = weightsOf(model);
    const monitor = await monitorInvariance({...optionsFor(model), every: '6 steps'});
    await model.fit(x(), y(), {...fit, epochs: 2, callbacks: monitor.callback()});
    const {folder} = await monitor.finish();
    expect(weightsOf(model)).not.toEqual(before);
    const {readings, baseline} = await readRun(folder);
    expect(readings.map(({step}) => step)).toEqual([0, 6, 12]);
    for (const {retention, scores} of readings) {
      expect(retention).toEqual(baseline!.ceiling);
      expect(scores).toEqual(readings[0]!.scores);
    }
  });

  it('leaves no tensor behind, the monitor’s whole life long', async () => {
    const model = await vit();
    const options = optionsFor(model);
    const [inputs, labels] = [x(), y()];
    await model.fit(inputs, labels, {...fit, epochs: 1});
    const before = tf.memory().numTensors;
    const monitor = await monitorInvariance({
      ...options,
      checkpoints: {dir: join(dir, 'checkpoints'), every: '2 steps', keep: 1},
    });
    await model.fit(inputs, labels, {...fit, epochs: 1, callbacks: monitor.callback()});
    await monitor.finish();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('trains on where the disk takes nothing more, and keeps the checkpoints it has', async () => {
    const alone = await vit();
    await alone.fit(x(), y(), {...fit, epochs: 2});
    const model = await vit();
    const checkpoints = join(dir, 'checkpoints');
    const monitor = await monitorInvariance({
      ...optionsFor(model),
      checkpoints: {dir: checkpoints, every: '3 steps', keep: 1, saveLast: false},
    });
    const breakDisk = {
      // A file where a folder should be: nothing can be written under it, not even by root.
      onEpochEnd: async (epoch: number) => {
        if (epoch > 0) return;
        while (monitor.state.waiting > 0) await setTimeout(20);
        await rename(checkpoints, `${checkpoints}-kept`);
        await writeFile(checkpoints, '');
        await rm(join(monitor.state.folder, 'snapshots'), {recursive: true, force: true});
        await writeFile(join(monitor.state.folder, 'snapshots'), '');
      },
    };
    await model.fit(x(), y(), {
      ...fit,
      epochs: 2,
      callbacks: [monitor.callback(), new tf.CustomCallback(breakDisk)],
    });
    const {folder, notices} = await monitor.finish();
    expect(weightsOf(model)).toEqual(weightsOf(alone));
    // The reading of the last step is tried again at the end.
    expect(notices).toMatchObject({checkpoint_failed: 2, reading_failed: 3});
    expect(readdirSync(`${checkpoints}-kept`)).toEqual(['checkpoint-6']);
    const {state, readings} = await readRun(folder);
    expect(state).toBe('finished');
    expect(readings[0]!.step).toBe(0);
  });

  it('is measured against the folder that is named, where it is not the pretrained model itself', async () => {
    const model = await vit();
    await model.fit(x(), y(), {...fit, epochs: 1});
    const monitor = await monitorInvariance({...optionsFor(model), reference: FIXTURE});
    const {folder} = await monitor.finish();
    const {readings, baseline} = await readRun(folder);
    expect(readings).toHaveLength(1);
    expect(readings[0]!.retention).not.toEqual(baseline!.ceiling);
    expect(existsSync(FIXTURE)).toBe(true);
  });
});

it('the slower engine is told from the fast one, with the factor and the remedy', () => {
  expect(slowerEngine('onnxruntime-web 1.30.0, wasm, 1 thread')).toMatch(
    /two to four times as long as .*: npm i onnxruntime-node/,
  );
  expect(slowerEngine('onnxruntime-node 1.30.0, cpu, 1 thread')).toBeNull();
});

describe('monitorInvariance refuses', () => {
  const refused = async (options: Partial<MonitorOptions>, model?: tf.LayersModel) => {
    const own = model ?? (await vit());
    return monitorInvariance({...optionsFor(own), ...options});
  };

  it('to work without options, and says what they are', async () => {
    await expect(monitorInvariance(undefined as never)).rejects.toThrow(
      'invalid options: undefined; it takes {tf, model, probes, …}',
    );
  });

  it.each<[string, Partial<MonitorOptions>, string, RegExp]>([
    ['a cadence it cannot read', {every: 'now and then'}, 'bad_option', /invalid every: "now and then"; use/],
    [
      'an option it does not know',
      {evry: '1 epoch'} as object,
      'bad_option',
      /unknown option: evry; known are tf, model/,
    ],
    ['a budget of nothing', {budget: 0}, 'bad_option', /invalid budget: 0; it takes a share/],
    [
      'layers that are no list',
      {layers: 'norm' as never},
      'bad_option',
      /invalid layers: "norm"; it takes a list of names, globs or regular expressions, as \['block_\*', 'norm'\]/,
    ],
    [
      'a pooling there is not',
      {pooling: 'max' as 'mean'},
      'bad_option',
      /invalid pooling: "max"; it takes 'tokens'/,
    ],
    [
      'checkpoints without a folder',
      {checkpoints: {} as {dir: string}},
      'bad_option',
      /invalid checkpoints.dir/,
    ],
    [
      'keeping no checkpoint',
      {checkpoints: {dir: 'c', keep: 0}},
      'bad_option',
      /invalid checkpoints.keep: 0; it takes a whole number/,
    ],
    [
      'resuming without a place to look',
      {resume: 'auto'},
      'bad_option',
      /invalid resume: "auto"; it takes 'auto' together with checkpoints/,
    ],
    [
      'a checkpoint that is none',
      {resume: FIXTURE},
      'bad_record',
      /cannot resume from .*name a checkpoint folder/,
    ],
    ['layers that are not there', {layers: ['stage_1']}, 'bad_model', /stage_1.*block_00/s],
    [
      'a folder that is no folder',
      {dir: `${FIXTURE}/config.json`},
      'io_failed',
      /cannot write .*name another folder/,
    ],
    ['probes that are not there', {probes: 'no/such/folder'}, 'bad_probes', /no\/such\/folder/],
    ['a tracker that is none', {trackers: [{}] as never}, 'bad_option', /invalid trackers/],
    [
      'an option of the inversion it does not know',
      {inversion: {step: 3} as object},
      'bad_option',
      /unknown option: inversion.step; known are inversion.preset, inversion.steps/,
    ],
    [
      'an option of the input it does not know',
      {input: {layuot: 'NCHW'} as object},
      'bad_option',
      /unknown option: input.layuot/,
    ],
    [
      'a reading to judge checkpoints by that there is not',
      {checkpoints: {dir: 'c', monitor: 'invariance/retension'}},
      'bad_option',
      /invalid checkpoints.monitor: "invariance\/retension"; it takes a key .*invariance\/retention,/,
    ],
    ['an optimizer that is a name', {optimizer: 'adam' as never}, 'bad_option', /invalid optimizer: "adam"/],
    ['a strict that is no yes or no', {strict: 'no' as never}, 'bad_option', /invalid strict: "no"/],
    ['no folder for checkpoints', {checkpoints: null as never}, 'bad_option', /invalid checkpoints: null/],
    ['a folder that is a number', {dir: 7 as never}, 'bad_option', /invalid dir: 7; it takes a folder/],
  ])('%s', async (_, options, code, message) => {
    const failure = await refused(options).catch((error: unknown) => error);
    expect(failure).toMatchObject({name: 'InvarianceError', code, message: expect.stringMatching(message)});
  });

  it('a model of another TensorFlow.js', async () => {
    await expect(refused({tf: {...tf, LayersModel: class {}} as never})).rejects.toThrow(
      /invalid model: "LayersModel"|invalid model: .*; it takes a LayersModel made with the same copy/,
    );
  });

  it('a second monitor on one model, until the first has finished', async () => {
    const model = await vit();
    const first = await refused({}, model);
    await expect(refused({}, model)).rejects.toThrow(/model vit is monitored already; call finish\(\)/);
    await first.finish();
    await (await refused({}, model)).finish();
  });

  it('probes of another size than the model takes, and leaves no run behind', async () => {
    await expect(refused({probes: images(8, 2, 16)})).rejects.toThrow(/3 × 16 × 16 .*takes 3 × 12 × 12/);
    expect(readdirSync(join(dir, 'invariance'))).toEqual([]);
  });

  it('a reference of another architecture than the model, and leaves no run behind', async () => {
    const reference = join(dir, 'other');
    const other = await loadVit(tf, FIXTURE, {classes: 3});
    await saveVit(other, reference);
    const config = JSON.parse(readFileSync(join(reference, 'config.json'), 'utf8')) as object;
    await writeFile(join(reference, 'config.json'), JSON.stringify({...config, num_attention_heads: 1}));
    await expect(refused({reference})).rejects.toThrow(/heads/);
    expect(readdirSync(join(dir, 'invariance'))).toEqual([]);
  });

  it('fewer than 4 probes, and leaves no run behind', async () => {
    await expect(refused({probes: images(3, 2)})).rejects.toThrow(/3 images; at least 4/);
    expect(readdirSync(join(dir, 'invariance'))).toEqual([]);
  });
});
