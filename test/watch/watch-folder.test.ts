import {execFileSync, spawn} from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {beforeEach, describe, expect, it, vi} from 'vitest';
import {inversionOptions} from '../../src/inversion/index.js';
import {startChildMeasurer, type ChildMeasurer} from '../../src/measure/index.js';
import {readRun} from '../../src/journal/index.js';
import {writeCheckpoint} from './checkpoint-writer.js';
import {tinyVit} from '../measure/tiny-vit.js';
import {age, noticesOf, probesOf, stepsOf, useWatch, writeFolder} from './use-watch.js';

const context = useWatch();
const {watch} = context;
let {folder, scratch, measurer}: {folder: string; scratch: string; measurer: ChildMeasurer} = {} as never;
beforeEach(() => ({folder, scratch, measurer} = context));

describe('watchFolder', () => {
  it('waits for the folder, measures each checkpoint as it appears, and ends when the training has', async () => {
    const watched = watch();
    await mkdir(folder);
    await writeCheckpoint(folder, 10, {maxSteps: 20});
    await writeCheckpoint(folder, 20, {maxSteps: 20});
    const summary = await watched;
    expect(summary).toMatchObject({measured: [10, 20], failed: [], ended: 'step 20 of 20 is reached'});
    const run = await readRun(summary.folder);
    expect(run.state).toBe('finished');
    expect(run.readings.map(({step}) => step)).toEqual([0, 10, 20]);
    expect(run.readings[2]).toMatchObject({epoch: 0.2, logged: {loss: 1.25, learning_rate: 0.025}});
    expect(run.events.flatMap(event => (event.type === 'logged' ? [event.step] : []))).toEqual([
      5, 10, 15, 20,
    ]);
  });

  it('goes on where it was when it is started again, and measures nothing twice', async () => {
    await writeCheckpoint(folder, 10);
    const first = await watch({until: 'once'});
    await writeCheckpoint(folder, 20);
    const second = await watch({until: 'once'});
    expect(second).toMatchObject({run: first.run, measured: [20], known: [10]});
    expect(await stepsOf(second)).toEqual([0, 10, 20]);
    const {events} = await readRun(second.folder);
    expect(events.filter(({type}) => type === 'baseline')).toHaveLength(1);
    expect(events.flatMap(event => (event.type === 'logged' ? [event.step] : []))).toEqual([5, 10, 15, 20]);
  });

  it('measures a checkpoint again that was replaced by another training', async () => {
    const path = await writeCheckpoint(folder, 10, {amount: 0.01});
    const first = await watch({until: 'once'});
    const before = (await readRun(first.folder)).readings.find(({step}) => step === 10)!;
    await writeCheckpoint(folder, 10, {amount: 0.5});
    const later = new Date(Date.now() + 5000);
    for (const name of readdirSync(path)) utimesSync(join(path, name), later, later);
    const second = await watch({until: 'once'});
    expect(second.measured).toEqual([10]);
    const after = (await readRun(second.folder)).readings.find(({step}) => step === 10)!;
    expect(after.weightDrift[0]).toBeGreaterThan(10 * before.weightDrift[0]!);
  });

  it('leaves a checkpoint alone until all its bytes are there', async () => {
    const path = await writeCheckpoint(folder, 10, {maxSteps: 10});
    const file = join(path, 'model.safetensors');
    const whole = join(scratch, 'whole');
    execFileSync('cp', ['-p', file, whole]);
    truncateSync(file, statSync(file).size - 8);
    const watched = watch();
    await new Promise(resolve => setTimeout(resolve, 300));
    renameSync(whole, file);
    expect(await watched).toMatchObject({measured: [10], failed: []});
  });

  it('measures checkpoints that save_total_limit deletes while they wait', async () => {
    let open = (): void => {};
    const opened = new Promise<void>(resolve => (open = resolve));
    const slow: ChildMeasurer = {
      ...measurer,
      read: async request => {
        if (request.moment.step > 0) await opened;
        return measurer.read(request);
      },
    };
    const watched = watch({measurer: slow});
    await mkdir(folder);
    const runs = join(scratch, 'runs');
    const held = (): string[] =>
      (existsSync(runs) ? readdirSync(runs, {recursive: true, encoding: 'utf8'}) : []).filter(name =>
        /held.checkpoint-\w+.checkpoint-\d+.*\.(json|safetensors)$/.test(name),
      );
    for (const step of [10, 20]) await writeCheckpoint(folder, step);
    while (held().length < 2 * 4) await new Promise(resolve => setTimeout(resolve, 20));
    rmSync(join(folder, 'checkpoint-10'), {recursive: true});
    rmSync(join(folder, 'checkpoint-20'), {recursive: true});
    open();
    writeFileSync(join(folder, 'invariance-finished'), '');
    const summary = await watched;
    expect(summary).toMatchObject({
      measured: [10, 20],
      failed: [],
      ended: 'invariance-finished is in the folder',
    });
    expect(held()).toEqual([]);
  });

  it('leaves out a checkpoint of another architecture, names tensor and shapes, and measures the next', async () => {
    const wider = 'vit.encoder.layer.1.layernorm_after.weight';
    const path = await writeCheckpoint(folder, 5, {wider});
    await writeCheckpoint(folder, 10);
    const summary = await watch({until: 'once'});
    expect(summary.measured).toEqual([10]);
    expect(summary.failed).toEqual([
      {path, reason: expect.stringMatching(/layernorm_after.*\[32\].*\[16\]/) as string},
    ]);
    const {events} = await readRun(summary.folder);
    expect(events).toContainEqual(expect.objectContaining({type: 'notice', code: 'checkpoint_skipped'}));
  });

  it('ends by itself in a folder that never gets a checkpoint', async () => {
    await mkdir(folder);
    const summary = await watch({idle: 0.005});
    expect(summary).toMatchObject({measured: [], ended: 'no new checkpoint for 0.005 minutes'});
    const {events} = await readRun(summary.folder);
    expect(events).toContainEqual(expect.objectContaining({type: 'notice', code: 'no_checkpoint'}));
  });

  it('closes the record when it is interrupted, and the next watch measures the rest', async () => {
    await writeCheckpoint(folder, 10);
    await writeCheckpoint(folder, 20);
    const stop = new AbortController();
    const stopping: ChildMeasurer = {
      ...measurer,
      read: async request => {
        const reading = await measurer.read(request);
        if (request.moment.step === 10) stop.abort();
        return reading;
      },
    };
    const first = await watch({measurer: stopping, signal: stop.signal});
    expect(first).toMatchObject({measured: [10], ended: 'interrupted'});
    expect((await readRun(first.folder)).state).toBe('killed');
    expect((await watch({until: 'once'})).measured).toEqual([20]);
  });

  it('measures the rest and ends when the process of the training has', async () => {
    await writeCheckpoint(folder, 10);
    const training = spawn('sleep', ['600']);
    const watched = watch({until: 'marker', idle: 0, pid: training.pid!});
    await writeCheckpoint(folder, 20);
    training.kill();
    expect(await watched).toMatchObject({measured: [10, 20], ended: `process ${training.pid} has ended`});
  });

  it('gives a checkpoint that is being written its time from when the end was seen', async () => {
    const clock = Date.now.bind(Date);
    let ahead = 0;
    const now = vi.spyOn(Date, 'now').mockImplementation(() => clock() + ahead);
    try {
      await mkdir(folder);
      const watched = watch({until: 'marker', idle: 0});
      await new Promise(resolve => setTimeout(resolve, 500));
      ahead = 10 * 60_000;
      const half = join(folder, '.half');
      await writeFolder(half, {amount: 0.1});
      age(half, 0);
      renameSync(half, join(folder, 'checkpoint-10'));
      writeFileSync(join(folder, 'invariance-finished'), '');
      expect(await watched).toMatchObject({measured: [10], failed: []});
    } finally {
      now.mockRestore();
    }
  });

  it('clears what a killed watch has held', async () => {
    await writeCheckpoint(folder, 10);
    const {folder: run} = await watch({until: 'once'});
    mkdirSync(join(run, 'held', 'checkpoint-abc'), {recursive: true});
    let seen = true;
    await watch({until: 'once', onRun: () => (seen = existsSync(join(run, 'held')))});
    expect(seen).toBe(false);
  });

  it('measures every n-th checkpoint, and always the last', async () => {
    for (const step of [10, 20, 30, 40]) await writeCheckpoint(folder, step);
    expect((await watch({until: 'once', every: 3})).measured).toEqual([10, 40]);
    expect((await watch({until: 'once', every: 3, run: 'newest-first', order: 'newest'})).measured).toEqual([
      40, 10,
    ]);
  });

  it('measures the last of every n-th also when it ends for want of new ones', async () => {
    for (const step of [10, 20]) await writeCheckpoint(folder, step);
    expect((await watch({every: 2, idle: 0.01})).measured).toEqual([10, 20]);
  });

  it('says one thing for any number of pickles', async () => {
    await writeCheckpoint(folder, 10);
    for (let i = 0; i < 300; i++) writeFileSync(join(folder, `features-${i}.pt`), '');
    const summary = await watch({until: 'once'});
    expect(summary.measured).toEqual([10]);
    expect(summary.failed).toMatchObject([
      {reason: expect.stringMatching(/wandb-invariance convert.*299 more like it/) as string},
    ]);
    expect(await noticesOf(summary, 'checkpoint_skipped')).toHaveLength(1);
  });

  it('refuses a folder that is not there when nothing is waited for', async () => {
    await expect(watch({until: 'once'})).rejects.toThrow(`there is no folder ${folder}`);
  });

  it('refuses to go on in a run that was measured otherwise', async () => {
    await writeCheckpoint(folder, 10);
    await watch({until: 'once', run: 'mine'});
    const other = startChildMeasurer({
      pretrained: tinyVit,
      probes: probesOf(8),
      inversion: inversionOptions({steps: 3}),
      cache: null,
    });
    await expect(watch({until: 'once', run: 'mine', measurer: other})).rejects.toThrow('measured otherwise');
    await other.close();
  });
});
