import {cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {beforeEach, describe, expect, it} from 'vitest';
import {readRun} from '../../src/journal/index.js';
import {writeCheckpoint} from './checkpoint-writer.js';
import {age, noticesOf, stepsOf, useWatch, writeFile, writeFolder} from './use-watch.js';

const context = useWatch();
const {watch} = context;
let {folder, scratch}: {folder: string; scratch: string} = {} as never;
beforeEach(() => ({folder, scratch} = context));

const once = (options = {}) => watch({until: 'once', ...options});

describe('what a watch remembers in watched.json', () => {
  it('is when the weights at each path were written and which step they got', async () => {
    const path = await writeCheckpoint(folder, 10);
    const run = await once();
    const mtime = Math.round(statSync(join(path, 'model.safetensors')).mtimeMs);
    expect(JSON.parse(readFileSync(join(run.folder, 'watched.json'), 'utf8'))).toEqual({
      'checkpoint-10': {step: 10, mtime},
    });
  });

  it('keeps the step of a file without one, also when those before it are gone', async () => {
    await writeFile(join(folder, 'a.safetensors'), {amount: 0.1, seconds: 60});
    await writeFile(join(folder, 'b.safetensors'), {amount: 0.2, seconds: 50});
    expect((await once()).measured).toEqual([1, 2]);
    rmSync(join(folder, 'a.safetensors'));
    await writeFile(join(folder, 'c.safetensors'), {amount: 0.3, seconds: 40});
    const second = await once();
    expect(second.measured).toEqual([3]);
    expect(await stepsOf(second)).toEqual([0, 1, 2, 3]);
  });

  it('lets the newer of two at one step stand, with one notice and without a flip', async () => {
    await writeFile(join(folder, 'epoch=0-step=10.safetensors'), {amount: 0.5, seconds: 60});
    await writeFile(join(folder, 'epoch=0-step=10-v1.safetensors'), {amount: 0.01, seconds: 50});
    const first = await once();
    expect(first.measured).toEqual([10]);
    const before = (await readRun(first.folder)).readings;
    expect(before.at(-1)!.weightDrift[1]).toBeLessThan(0.2);
    const second = await once();
    expect(second).toMatchObject({measured: [], known: [10]});
    expect((await readRun(second.folder)).readings).toEqual(before);
    expect(await noticesOf(second, 'passed_over')).toEqual([
      expect.stringContaining('epoch=0-step=10-v1.safetensors has step 10 too and is newer'),
    ]);
  });

  it('is refused with its remedy where it is damaged', async () => {
    await writeCheckpoint(folder, 10);
    const run = await once();
    writeFileSync(join(run.folder, 'watched.json'), '{"checkpoint-10":');
    await expect(once()).rejects.toThrow(/watched\.json.*delete it to have every checkpoint measured again/);
  });
});

describe('the model at the top of the folder', () => {
  const putFinal = (from: string): void => {
    for (const name of ['model.safetensors', 'config.json']) cpSync(join(from, name), join(folder, name));
    age(join(folder, 'model.safetensors'), 30);
  };

  it('is passed over beside a checkpoint, also with a step of its own', async () => {
    const path = await writeCheckpoint(folder, 10);
    putFinal(path);
    cpSync(join(path, 'trainer_state.json'), join(folder, 'trainer_state.json'));
    expect(await once()).toMatchObject({measured: [10], failed: []});
    expect(await noticesOf(await once(), 'passed_over')).toEqual([]);
    const state = JSON.parse(readFileSync(join(path, 'trainer_state.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'trainer_state.json'), JSON.stringify({...state, global_step: 12}));
    expect((await once()).measured).toEqual([]);
  });

  it('is passed over beside a checkpoint without a step', async () => {
    await writeFile(join(folder, 'mine.safetensors'), {amount: 0.1, seconds: 60});
    putFinal(await writeCheckpoint(join(scratch, 'other'), 10));
    expect((await once()).measured).toEqual([1]);
  });

  it('is measured where there is nothing else', async () => {
    await writeFile(join(folder, '.hidden'), {amount: 0.1, seconds: 60});
    putFinal(await writeCheckpoint(join(scratch, 'other'), 10));
    expect((await once()).measured).toEqual([1]);
  });
});

describe('a save numbered 0', () => {
  it.each(['checkpoint_0', 'epoch_0'])(
    'as %s is the first, and leaves the pretrained reading alone',
    async name => {
      await writeFolder(join(folder, name), {amount: 0.5});
      const summary = await once();
      expect(summary.measured).toEqual([1]);
      const {readings} = await readRun(summary.folder);
      expect(readings.map(({step}) => step)).toEqual([0, 1]);
      expect(readings[0]!.weightDrift[1]).toBe(0);
      expect(readings[1]!.weightDrift[1]).toBeGreaterThan(0.1);
    },
  );

  it('as the step 0 of a Trainer is passed over, so that nothing was measured', async () => {
    await writeCheckpoint(folder, 0, {amount: 0.5});
    const summary = await once();
    expect(summary).toMatchObject({measured: [], known: []});
    expect((await readRun(summary.folder)).readings[0]!.weightDrift[1]).toBe(0);
    expect(await noticesOf(summary, 'passed_over')).toEqual([
      expect.stringContaining('before the first step'),
    ]);
  });
});

describe('the run of a folder', () => {
  it('is another one where the same path was trained elsewhere, so that no two machines share it in W&B', async () => {
    await writeCheckpoint(folder, 10);
    const here = await once({dir: join(scratch, 'here')});
    const there = await once({dir: join(scratch, 'there')});
    expect(there.run).not.toBe(here.run);
    expect(here.run).toMatch(/^out-[0-9a-f]{8}$/);
    expect((await once({dir: join(scratch, 'here')})).run).toBe(here.run);
  });
});

describe('a folder that is trained into again', () => {
  it('supersedes what the old training logged and what was read of it', async () => {
    for (const step of [10, 20]) await writeCheckpoint(folder, step, {loss: 5});
    const first = await once();
    await writeCheckpoint(folder, 10, {loss: 7, amount: 0.3});
    const second = await once();
    expect(second).toMatchObject({run: first.run, measured: [10]});
    const run = await readRun(second.folder);
    expect(run.readings.map(({step, logged}) => [step, logged['loss']])).toEqual([
      [0, undefined],
      [10, 7.5],
    ]);
    const rows = run.events.flatMap(event =>
      event.type === 'logged' ? [[event.step, event.values['loss']]] : [],
    );
    expect(rows).toEqual([
      [5, 8],
      [10, 7.5],
    ]);
    await writeCheckpoint(folder, 20, {loss: 7, amount: 0.3});
    expect(await stepsOf(await once())).toEqual([0, 10, 20]);
    expect(await noticesOf(second, 'trained_again')).toHaveLength(1);
  });

  it('does not take the loss of the old training from a trainer_state.json that is older than the weights', async () => {
    const path = await writeCheckpoint(folder, 10, {loss: 5});
    age(join(path, 'trainer_state.json'), 60);
    age(join(path, 'model.safetensors'), 30);
    const summary = await once();
    expect((await readRun(summary.folder)).readings.at(-1)).toMatchObject({step: 10, logged: {}});
    expect(await noticesOf(summary, 'state_left_out')).toEqual([
      expect.stringContaining('older than the weights'),
    ]);
  });

  it('does not let a checkpoint that the old training left behind take the record back', async () => {
    await writeCheckpoint(folder, 20, {loss: 5});
    age(join(folder, 'checkpoint-20'), 60);
    await writeCheckpoint(folder, 10, {loss: 7});
    const run = await readRun((await once()).folder);
    const rows = run.events.flatMap(event => (event.type === 'logged' ? [event.values['loss']] : []));
    expect(rows).toEqual([8, 7.5]);
    expect(existsSync(join(run.folder, 'held'))).toBe(false);
  });
});
