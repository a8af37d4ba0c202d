import {execFileSync} from 'node:child_process';
import {existsSync, mkdtempSync, readdirSync, readFileSync} from 'node:fs';
import {writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, describe, expect, it} from 'vitest';
import {putAll} from '../../src/models/index.js';
import {createCheckpoints, listCheckpoints, ownCheckpoints} from '../../src/checkpoints/checkpoints.js';
import {findResumePoint} from '../../src/checkpoints/resume-point.js';
import type {TrainingState} from '../../src/checkpoints/training-state.js';
import {canMount} from '../can-mount.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'checkpoints-'));
});

const stateAt = (step: number, run = 'run-1'): TrainingState => ({
  format: 1,
  run,
  fingerprint: 'f1',
  step,
  epoch: step / 10,
  epochs: Math.floor(step / 10),
  batch: step % 10,
  stepsPerEpoch: 10,
  every: {asked: {kind: 'epochs', every: 1}, now: {kind: 'epochs', every: 1}},
  spending: {training: 0, blocked: 0, child: 0},
  optimizer: null,
  time: 1000 + step,
});
const model = async (folder: string) => writeFile(join(folder, 'model.safetensors'), 'weights');
const saving = (step: number) => ({
  state: stateAt(step),
  log: [{step, epoch: step / 10, values: {loss: 1 / step}}],
  model,
  files: {'optimizer.bin': new Uint8Array([1])},
});

function opened(options: Partial<Parameters<typeof createCheckpoints>[0]> = {}) {
  return createCheckpoints({
    dir,
    keep: 2,
    mode: 'max',
    present: [],
    values: [],
    run: 'run-1',

    ...options,
  });
}

describe('checkpoints', () => {
  it('are whole folders: model, optimiser, trainer state and position', async () => {
    const {path} = await opened().save(saving(25));
    expect(path).toBe(join(dir, 'checkpoint-25'));
    expect(readdirSync(path).sort()).toEqual([
      'invariance_state.json',
      'model.safetensors',
      'optimizer.bin',
      'trainer_state.json',
    ]);
    expect(JSON.parse(readFileSync(join(path, 'trainer_state.json'), 'utf8'))).toMatchObject({
      global_step: 25,
      epoch: 2.5,
      best_model_checkpoint: null,
      log_history: [{step: 25, epoch: 2.5, loss: 0.04}],
    });
    expect(await findResumePoint({resume: path, dir: undefined})).toEqual({
      folder: path,
      state: stateAt(25),
      log: saving(25).log,
    });
  });

  it('are kept by age and by value', async () => {
    const checkpoints = opened();
    for (const [step, value] of [
      [10, 0.5],
      [20, 0.9],
      [30, 0.7],
      [40, 0.6],
    ] as const) {
      await checkpoints.addValue(step, value);
      await checkpoints.save(saving(step));
    }
    expect(checkpoints.steps()).toEqual([20, 30, 40]);
    expect(readdirSync(dir).sort()).toEqual(['checkpoint-20', 'checkpoint-30', 'checkpoint-40']);
    expect(checkpoints.best()).toEqual({step: 20, value: 0.9, path: join(dir, 'checkpoint-20')});
    const {best_metric: metric, best_model_checkpoint: best} = JSON.parse(
      readFileSync(join(dir, 'checkpoint-40/trainer_state.json'), 'utf8'),
    );
    expect([metric, best]).toEqual([0.9, join(dir, 'checkpoint-20')]);
  });

  it('wait for the readings that say which is best', async () => {
    let waiting = [10, 20, 30];
    const checkpoints = opened({keep: 1, waiting: () => waiting});
    for (const step of [10, 20, 30]) await checkpoints.save(saving(step));
    expect(checkpoints.steps()).toEqual([10, 20, 30]);
    expect(checkpoints.best()).toBeNull();
    for (const [step, value] of [
      [10, 0.2],
      [20, 0.4],
      [30, 0.3],
    ] as const) {
      waiting = waiting.filter(one => one !== step);
      await checkpoints.addValue(step, value);
    }
    expect(checkpoints.steps()).toEqual([20, 30]);
    expect(checkpoints.best()?.step).toBe(20);
  });

  it('take only a value of their own step, be it of the training', async () => {
    const checkpoints = opened({values: [{step: 5, value: 0.1}]});
    await checkpoints.save(saving(7));
    await checkpoints.addValue(8, 0.9);
    expect(checkpoints.best()).toBeNull();
    await checkpoints.addValue(7, 0.3);
    await checkpoints.addValue(7, 0.2);
    expect(checkpoints.best()).toMatchObject({step: 7, value: 0.2});
  });

  it('take of readings only that of their own step, never that of the pretrained model', async () => {
    const checkpoints = opened({keep: 9, values: [{step: 0, value: 1}], waiting: () => []});
    for (const step of [8, 16]) await checkpoints.save(saving(step));
    await checkpoints.addValue(10, 0.95);
    expect(checkpoints.best()).toBeNull();
    await checkpoints.addValue(16, 0.6);
    expect(checkpoints.best()).toMatchObject({step: 16, value: 0.6});
  });

  it('of another run are not removed, also where they took the place of ours', async () => {
    const [ours, theirs] = [opened({keep: 1}), opened({keep: 1, run: 'run-2'})];
    await ours.save(saving(10));
    await theirs.save({...saving(10), state: stateAt(10, 'run-2')});
    await ours.save(saving(20));
    expect(readdirSync(dir).sort()).toEqual(['checkpoint-10', 'checkpoint-20']);
    expect(ours.steps()).toEqual([20]);
    await theirs.save({...saving(30), state: stateAt(30, 'run-2')});
    expect(readdirSync(dir).sort()).toEqual(['checkpoint-20', 'checkpoint-30']);
  });

  it('take another training state in place of theirs', async () => {
    const checkpoints = opened();
    const {path} = await checkpoints.save(saving(20));
    await checkpoints.restate({...stateAt(20), epochs: 7, batch: 0});
    const point = await findResumePoint({resume: path, dir: undefined});
    expect(point?.state).toMatchObject({step: 20, epochs: 7, batch: 0});
    expect(readdirSync(path)).toHaveLength(4);
  });

  it('stay as they were when the disk is full', async () => {
    const checkpoints = opened({keep: 1});
    await checkpoints.save(saving(10));
    const full = async (folder: string) => {
      await writeFile(join(folder, 'model.safetensors'), 'half of');
      throw Object.assign(new Error('write'), {code: 'ENOSPC'});
    };
    await expect(checkpoints.save({...saving(20), model: full})).rejects.toMatchObject({
      code: 'io_failed',
      message: expect.stringContaining('the disk is full'),
    });
    expect(readdirSync(dir)).toEqual(['checkpoint-10']);
    expect(checkpoints.steps()).toEqual([10]);
  });

  it.skipIf(!canMount())('stay as they were when a real disk is full', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', dir]);
    try {
      const checkpoints = opened({keep: 9});
      const large = async (folder: string) =>
        putAll(folder, {'model.safetensors': new Uint8Array(400 * 1024)});
      await checkpoints.save({...saving(10), model: large});
      await checkpoints.save({...saving(20), model: large});
      await expect(checkpoints.save({...saving(30), model: large})).rejects.toThrow(/the disk is full/);
      expect(readdirSync(dir).sort()).toEqual(['checkpoint-10', 'checkpoint-20']);
      expect((await findResumePoint({resume: 'auto', dir}))?.state.step).toBe(20);
    } finally {
      execFileSync('umount', [dir]);
    }
  });

  it('are known by the run that wrote them', async () => {
    const checkpoints = opened();
    await checkpoints.save(saving(10));
    await checkpoints.save({...saving(20), state: stateAt(20, 'run-2')});
    expect((await listCheckpoints(dir)).map(({step}) => step)).toEqual([10, 20]);
    expect(await ownCheckpoints(dir, {run: 'run-1', upTo: 99})).toEqual([10]);
    expect(await ownCheckpoints(dir, {run: 'run-2', upTo: 19})).toEqual([]);
    expect(await listCheckpoints(join(dir, 'none'))).toEqual([]);
  });
});

describe('the checkpoint to resume from', () => {
  it('is the one written last, which after an earlier resume is not that of the highest step', async () => {
    const checkpoints = opened({keep: 9});
    for (const step of [10, 60]) await checkpoints.save(saving(step));
    await checkpoints.save({...saving(20), state: {...stateAt(20), time: 5000}});
    expect((await findResumePoint({resume: 'auto', dir}))?.state.step).toBe(20);
  });

  it('is none where there is none, or only half of one', async () => {
    expect(await findResumePoint({resume: undefined, dir})).toBeNull();
    expect(await findResumePoint({resume: 'auto', dir: join(dir, 'none')})).toBeNull();
    const checkpoints = opened({keep: 9});
    await checkpoints.save(saving(10));
    await checkpoints.save({...saving(20), state: {...stateAt(20), format: 2 as 1}});
    expect((await findResumePoint({resume: 'auto', dir}))?.state.step).toBe(10);
    await expect(findResumePoint({resume: join(dir, 'checkpoint-20'), dir})).rejects.toThrow(/has format 2/);
    expect(existsSync(dir)).toBe(true);
  });
});
