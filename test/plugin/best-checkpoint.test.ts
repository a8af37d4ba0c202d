import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, expect, it, onTestFinished} from 'vitest';
import {createCheckpoints} from '../../src/checkpoints/checkpoints.js';
import type {Checkpoints} from '../../src/checkpoints/index.js';
import {BestCheckpoint, isOfReadings} from '../../src/plugin/best-checkpoint.js';
import {createNotices} from '../../src/tracker/notices.js';
import {sampleBaseline, sampleReading} from '../tracker/sample-run.js';

/** Checkpoints of steps 10 and 20, and what is announced and said of them. */
function judged(
  monitor: string | null,
  {strict = false, ...changes}: {strict?: boolean} & Partial<Checkpoints> = {},
) {
  const dir = mkdtempSync(join(tmpdir(), 'best-'));
  onTestFinished(() => rmSync(dir, {recursive: true, force: true}));
  const waiting = isOfReadings(monitor) ? () => [] : undefined;
  const checkpoints = {
    ...createCheckpoints({dir, run: 'r', keep: 9, mode: 'max', present: [10, 20], values: [], waiting}),
    ...changes,
  };
  const announced: number[] = [];
  const said: string[] = [];
  const best = new BestCheckpoint({
    monitor,
    checkpoints,
    notices: createNotices({emit: ({message}) => said.push(message), print: () => {}, now: () => 0, strict}),
    announce: ({step}) => announced.push(step),
  });
  return {best, announced, said};
}

const none = {reading: false, epoch: false};

describe('the best checkpoint', () => {
  it('is announced when a value of the training makes another one the best', async () => {
    const {best, announced} = judged('val_acc');
    best.logged(10, {val_acc: 0.5, loss: 1});
    best.logged(20, {val_acc: 0.4});
    await best.settled();
    expect(announced).toEqual([10]);
    best.logged(20, {val_acc: 0.6});
    best.logged(20, {loss: 9});
    await best.settled();
    expect(announced).toEqual([10, 20]);
  });

  it('is announced when a reading comes in that says so, and by no other value', async () => {
    const {best, announced} = judged('invariance/retention');
    best.logged(20, {val_acc: 0.9});
    await best.settled();
    expect(announced).toEqual([]);
    best.measured(sampleReading(20), sampleBaseline());
    best.measured(sampleReading(10), sampleBaseline());
    await best.settled();
    // Retention of the sample falls with the steps.
    expect(announced).toEqual([20, 10]);
  });

  it('is not judged by a value of the training that a reading repeats', async () => {
    const {best, announced} = judged('train/loss');
    best.measured(sampleReading(10), sampleBaseline());
    await best.settled();
    expect(announced).toEqual([]);
  });

  it('is not announced again where the checkpoint was written as the best', async () => {
    const {best, announced} = judged('val_acc', {best: () => ({step: 20, value: 1, path: 'checkpoint-20'})});
    expect(best.written(10)).toBe(false);
    expect(best.written(20)).toBe(true);
    best.logged(20, {val_acc: 1});
    await best.settled();
    expect(announced).toEqual([]);
  });

  it('is missed with a warning that names the values there are', async () => {
    const {best, said} = judged('val_akk');
    best.warnOfUnknown({known: ['loss', 'val_acc'], pending: none});
    expect(said).toEqual([
      "checkpoints.monitor 'val_akk' has no value yet, so no checkpoint is the best; there are loss, val_acc, invariance/…",
    ]);
    const known = judged('val_acc');
    known.best.logged(10, {val_acc: 1});
    await known.best.settled();
    known.best.warnOfUnknown({known: ['val_acc'], pending: none});
    expect(known.said).toEqual([]);
  });

  it('may still come at the end of the first epoch, where it is one of epochs', () => {
    const {best, said} = judged('val_acc');
    best.warnOfUnknown({known: ['loss'], pending: {...none, epoch: true}});
    expect(said).toEqual([]);
    const batch = judged('acc');
    batch.best.warnOfUnknown({known: ['loss'], pending: {...none, epoch: true}});
    expect(batch.said).toHaveLength(1);
  });

  it('is missed with a warning where it never comes at the step of a checkpoint', async () => {
    const {best, said} = judged('val_acc');
    best.logged(15, {val_acc: 1});
    await best.settled();
    best.warnOfUnknown({known: ['val_acc'], pending: none});
    expect(said[0]).toMatch(/^no checkpoint so far is of a step that 'val_acc' has a value of.* '1 epoch'$/);
  });

  it('may still come with a reading that is being measured', () => {
    const {best, said} = judged('invariance/retention');
    best.warnOfUnknown({known: [], pending: {...none, reading: true}});
    expect(said).toEqual([]);
    best.warnOfUnknown({known: [], pending: none});
    expect(said).toHaveLength(1);
  });

  it('fails the end of a strict run where its checkpoints cannot be pruned, and is a notice otherwise', async () => {
    const addValue = () => Promise.reject(new Error('no such disk'));
    const strict = judged('val_acc', {addValue, strict: true});
    strict.best.logged(10, {val_acc: 1});
    await expect(strict.best.settled()).rejects.toThrow('no such disk');
    const lenient = judged('val_acc', {addValue});
    lenient.best.logged(10, {val_acc: 1});
    await lenient.best.settled();
    expect(lenient.said).toEqual(['no such disk']);
  });
});
