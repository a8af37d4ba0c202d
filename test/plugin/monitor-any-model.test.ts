import {mkdtempSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {beforeAll, beforeEach, describe, expect, it, vi} from 'vitest';
import {loadTfjsModel, saveTfjsModel} from '../../src/engine/index.js';
import {monitorInvariance} from '../../src/plugin/monitor-invariance.js';
import type {MonitorOptions} from '../../src/plugin/options.js';
import {seededRandom} from '../../src/random.js';
import {journalRecords, readRun} from '../../src/journal/index.js';
import {consoleTracker} from '../../src/tracker/index.js';
import {screen} from '../terminal/screen.js';
import {useCache} from '../measure/use-cache.js';

useCache();
beforeAll(async () => {
  await tf.setBackend('wasm');
});

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'monitor-any-'));
});

function images(count: number, seed: number): tf.Tensor4D {
  const random = seededRandom(seed);
  return tf.tensor4d(
    Float32Array.from({length: count * 192}, () => random.uniform()),
    [count, 8, 8, 3],
  );
}

/** A network of no known architecture. */
function network({head = 2}: {head?: number} = {}): tf.LayersModel {
  const kernelInitializer = (seed: number) => tf.initializers.glorotNormal({seed});
  const input = tf.input({shape: [8, 8, 3]});
  const flat = tf.layers.flatten({name: 'flat'}).apply(input);
  const one = tf.layers.dense({
    name: 'one',
    units: 24,
    activation: 'tanh',
    kernelInitializer: kernelInitializer(1),
  });
  const two = tf.layers.dense({
    name: 'two',
    units: 16,
    activation: 'tanh',
    kernelInitializer: kernelInitializer(2),
  });
  const last = tf.layers.dense({name: 'last', units: head, kernelInitializer: kernelInitializer(3)});
  const outputs = last.apply(two.apply(one.apply(flat))) as tf.SymbolicTensor;
  const model = tf.model({inputs: input, outputs, name: 'network'});
  model.compile({optimizer: tf.train.adam(0.01), loss: 'meanSquaredError'});
  return model;
}

function optionsFor(model: tf.LayersModel): MonitorOptions {
  return {
    tf,
    model,
    probes: images(8, 2),
    layers: ['one', 'two'],
    inversion: {steps: 20},
    every: '4 steps',
    budget: Infinity,
    console: false,
    dir: join(dir, 'invariance'),
  };
}

const fit = {batchSize: 4, verbose: 0, shuffle: false};
const weightsOf = (model: tf.LayersModel) => model.getWeights().map(weight => Array.from(weight.dataSync()));

describe('any LayersModel, measured in process', () => {
  it('has its readings and checkpoints, and trains as it would alone', async () => {
    const [x, y] = [images(24, 1), tf.zeros([24, 2])];
    const alone = network();
    await alone.fit(x, y, {...fit, epochs: 2});

    const model = network();
    const checkpoints = join(dir, 'checkpoints');
    const monitor = await monitorInvariance({
      ...optionsFor(model),
      checkpoints: {dir: checkpoints, every: '5 steps', keep: 1, monitor: 'loss', mode: 'min'},
    });
    await model.fit(x, y, {...fit, epochs: 2, callbacks: monitor.callback()});
    const state = await monitor.finish();
    expect(weightsOf(model)).toEqual(weightsOf(alone));

    const {readings, baseline, info} = await readRun(state.folder);
    expect(readings.map(({step}) => step)).toEqual([0, 4, 8, 12]);
    expect(info.layers).toEqual(['one', 'two']);
    expect(readings[0]!.retention).toEqual(baseline!.ceiling);
    expect(readings.at(-1)!.retention).not.toEqual(baseline!.ceiling);
    expect(readings.at(-1)!.weightDrift.every(drift => drift! > 0)).toBe(true);

    expect(readdirSync(checkpoints)).toContain('checkpoint-12');
    expect(weightsOf(await loadTfjsModel({tf, folder: join(checkpoints, 'checkpoint-12')}))).toEqual(
      weightsOf(model),
    );
  });

  it('says at the baseline and at the end that it scores nothing, with what to do', async () => {
    const said = screen();
    const options = {
      ...optionsFor(network()),
      inversion: {steps: 1},
      trackers: [consoleTracker({stream: said})],
    };
    const monitor = await monitorInvariance(options);
    const unscored =
      /no layer can be scored in this run: inversion not converged \(2 of 2\)\. More inversion steps may help/;
    expect(said.lines.filter(line => unscored.test(line))).toHaveLength(1);
    expect(said.text).not.toMatch(/pool|token/);
    const {report} = await monitor.finish();
    expect(said.lines.at(-2)).toMatch(unscored);
    expect(readFileSync(report!, 'utf8')).toMatch(
      /No layer can be scored in this run: inversion not converged/,
    );
  });

  it('is refused checkpoints in a folder that cannot be written, and leaves no run', async () => {
    const file = join(dir, 'a-file');
    writeFileSync(file, '');
    const options = {...optionsFor(network()), checkpoints: {dir: join(file, 'checkpoints')}};
    await expect(monitorInvariance(options)).rejects.toMatchObject({
      code: 'io_failed',
      message: expect.stringMatching(
        /^checkpoints cannot be written to .*; name another folder with checkpoints\.dir$/,
      ),
    });
  });

  it('says of a fit after finish() that nobody watches it', async () => {
    const model = network();
    const monitor = await monitorInvariance(optionsFor(model));
    const {run} = await monitor.finish();
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    await model.fit(images(8, 1), tf.zeros([8, 2]), {...fit, epochs: 1, callbacks: monitor.callback()});
    const text = said.mock.calls.join('');
    said.mockRestore();
    expect(text).toContain(
      `run ${run} has finished, so this fit is not monitored; build a new monitor for it`,
    );
  });

  it('is refused a pooling that it has no tokens for', async () => {
    await expect(monitorInvariance({...optionsFor(network()), pooling: 'cls'})).rejects.toMatchObject({
      code: 'bad_option',
      message: expect.stringMatching(/^pooling 'cls' says nothing of model network: .*leave it out$/),
    });
  });

  it('goes on from a checkpoint as if it had never stopped', async () => {
    const [x, y] = [images(24, 1), tf.zeros([24, 2])];
    const whole = network();
    await whole.fit(x, y, {...fit, epochs: 4});

    const checkpoints = {dir: join(dir, 'checkpoints')};
    const first = network();
    const before = await monitorInvariance({...optionsFor(first), checkpoints});
    await first.fit(x, y, {...fit, epochs: 2, callbacks: before.callback()});
    await before.finish('killed');

    const second = network();
    const after = await monitorInvariance({...optionsFor(second), checkpoints, resume: 'auto'});
    expect(after.state).toMatchObject({run: before.state.run, step: 12, epoch: 2, batch: 0, resumed: true});
    await second.fit(x, y, {...fit, epochs: 4, initialEpoch: after.state.epoch, callbacks: after.callback()});
    const {folder} = await after.finish();
    expect(weightsOf(second)).toEqual(weightsOf(whole));
    const records = [...journalRecords(folder)];
    const steps = records.flatMap(one => (one.kind === 'reading' ? [one.reading.step] : []));
    expect(steps).toEqual([0, 4, 8, 12, 16, 20, 24]);
    expect((await readRun(folder)).state).toBe('finished');
  });

  it('leaves the checkpoints of another run alone, and says so', async () => {
    const checkpoints = {dir: join(dir, 'checkpoints'), every: '1 step'};
    const first = await monitorInvariance({...optionsFor(network()), checkpoints});
    await first.step();
    await first.finish();
    const second = await monitorInvariance({...optionsFor(network()), checkpoints, every: [9]});
    await second.finish();
    expect(second.state.run).not.toBe(first.state.run);
    expect(second.state.notices).toEqual({foreign_checkpoints: 1});
    expect(readdirSync(checkpoints.dir).sort()).toEqual(['checkpoint-0', 'checkpoint-1']);
  });

  it('is not resumed on another pretrained model', async () => {
    const checkpoints = {dir: join(dir, 'checkpoints'), every: '1 step'};
    const first = network();
    const before = await monitorInvariance({...optionsFor(first), checkpoints});
    await before.step();
    await before.finish();
    const other = network();
    other.getLayer('one').setWeights([tf.ones([192, 24]), tf.zeros([24])]);
    await expect(
      monitorInvariance({...optionsFor(other), checkpoints, resume: 'auto'}),
    ).rejects.toMatchObject({
      code: 'fingerprint_mismatch',
      message: expect.stringContaining('pretrained differ'),
    });
  });

  it('is measured against a folder in TensorFlow.js’s format', async () => {
    const pretrained = join(dir, 'pretrained');
    await saveTfjsModel({tf, model: network(), folder: pretrained});
    const model = network();
    const [x, y] = [images(24, 1), tf.zeros([24, 2])];
    await model.fit(x, y, {...fit, epochs: 2});
    const tensors = tf.memory().numTensors;
    const options = {...optionsFor(model), reference: pretrained};
    const monitor = await monitorInvariance(options);
    const {folder} = await monitor.finish();
    const {readings, baseline} = await readRun(folder);
    expect(readings[0]!.retention).not.toEqual(baseline!.ceiling);
    tf.dispose(options.probes as tf.Tensor);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('leaves no tensor behind, its readings included', async () => {
    const model = network();
    const [x, y] = [images(24, 1), tf.zeros([24, 2])];
    const options = optionsFor(model);
    await model.fit(x, y, {...fit, epochs: 1});
    const {numTensors} = tf.memory();
    const monitor = await monitorInvariance({
      ...options,
      every: '2 steps',
      checkpoints: {dir: join(dir, 'checkpoints'), every: '3 steps'},
    });
    await model.fit(x, y, {...fit, epochs: 2, callbacks: monitor.callback()});
    await monitor.finish();
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});
