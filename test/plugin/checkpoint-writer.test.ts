import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {mkdir, readFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, describe, expect, it, onTestFinished} from 'vitest';
import {createCheckpoints} from '../../src/checkpoints/checkpoints.js';
import {readTrainingState} from '../../src/checkpoints/training-state.js';
import {BestCheckpoint} from '../../src/plugin/best-checkpoint.js';
import {createBudget} from '../../src/plugin/budget.js';
import {CheckpointWriter, type CheckpointParts} from '../../src/plugin/checkpoint-writer.js';
import {Position} from '../../src/plugin/position.js';
import {Schedule} from '../../src/plugin/schedule.js';
import {TrainingLog} from '../../src/plugin/training-log.js';
import {createNotices} from '../../src/tracker/notices.js';
import type {RunEvent} from '../../src/types.js';

const every = {kind: 'epochs', every: 1} as const;
const start = {step: 0, epochs: 0, batch: 0, stepsPerEpoch: null};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'writer-'));
  onTestFinished(() => rmSync(dir, {recursive: true, force: true}));
});

/** A writer of a training that stands at its start, and what it records. */
function writing(changes: Partial<CheckpointParts> = {}) {
  const events: RunEvent[] = [];
  const emit = (event: RunEvent): void => void events.push(event);
  const notices = createNotices({emit, print: () => {}, now: () => 0, strict: false});
  const budget = createBudget({share: Infinity, cores: 1, now: () => 0});
  const position = new Position(start);
  const log = new TrainingLog({entries: [], step: 0});
  const schedule = new Schedule({
    cadences: {every, acquired: null, log: every, checkpoints: every},
    budget,
    share: Infinity,
    start: {step: 0, epochs: 0, elapsed: 0},
    before: null,
    readWithCheckpoints: false,
  });
  const checkpoints = createCheckpoints({
    dir,
    run: 'run-1',
    keep: 3,
    mode: 'max',
    present: [],
    values: [],
  });
  const best = new BestCheckpoint({monitor: 'val_acc', checkpoints, notices, announce: () => {}});
  const parts: CheckpointParts = {
    run: {id: 'run-1', fingerprint: 'f1'},
    options: {every},
    source: {lend: () => Promise.resolve(false)},
    saveModel: async folder => {
      await mkdir(folder, {recursive: true});
      writeFileSync(join(folder, 'model'), 'live');
    },
    optimizer: () => Promise.resolve({header: {kind: 'Adam', iterations: 7}, files: {}}),
    budget,
    dispatcher: {event: emit},
    notices,
    now: () => 42,
    ...changes,
  };
  const writer = new CheckpointWriter(parts, {position, log, schedule, checkpoints, best, newest: null});
  return {writer, position, log, schedule, best, events};
}

const checkpoint = (step: number) => join(dir, `checkpoint-${step}`);

describe('the writer of checkpoints', () => {
  it('keeps where training stands, what it logged, and the cadence in force', async () => {
    const {writer, position, log, schedule, events} = writing();
    position.countStep();
    log.entries.push({step: 1, epoch: null, values: {loss: 2}});
    schedule.every = {kind: 'epochs', every: 4};
    expect(await writer.save()).toBe(true);
    expect(await readTrainingState(checkpoint(1))).toEqual({
      format: 1,
      run: 'run-1',
      fingerprint: 'f1',
      step: 1,
      epoch: null,
      epochs: 0,
      batch: 1,
      stepsPerEpoch: null,
      every: {asked: every, now: {kind: 'epochs', every: 4}},
      spending: {training: 0, blocked: 0, child: 0},
      optimizer: {kind: 'Adam', iterations: 7},
      time: 42,
    });
    expect(await readFile(join(checkpoint(1), 'trainer_state.json'), 'utf8')).toContain('"loss": 2');
    expect(events).toEqual([
      {type: 'checkpoint', time: 42, step: 1, path: checkpoint(1), aliases: ['latest', 'step-1']},
    ]);
  });

  it('writes one a step', async () => {
    const {writer, position, events} = writing();
    position.countStep();
    await writer.save();
    expect(await writer.save()).toBe(false);
    expect(events).toHaveLength(1);
  });

  it('takes the model from the snapshot of that step, where there is one', async () => {
    const lend = async (step: number, to: string) => {
      await mkdir(to, {recursive: true});
      writeFileSync(join(to, 'model'), `snapshot of step ${step}`);
      return true;
    };
    const {writer, position} = writing({source: {lend}});
    position.countStep();
    await writer.save();
    expect(await readFile(join(checkpoint(1), 'model'), 'utf8')).toBe('snapshot of step 1');
  });

  it('says of the best one that it is', async () => {
    const {writer, position, best, events} = writing();
    position.countStep();
    best.logged(1, {val_acc: 0.5});
    await best.settled();
    await writer.save();
    expect(events).toEqual([expect.objectContaining({aliases: ['latest', 'step-1', 'best']})]);
  });

  it('learns at the end of the epoch that its last batch was the last', async () => {
    const {writer, position} = writing();
    position.countStep();
    await writer.save();
    position.countEpoch();
    await writer.endEpoch();
    expect(await readTrainingState(checkpoint(1))).toMatchObject({
      epoch: 1,
      epochs: 1,
      batch: 0,
      stepsPerEpoch: 1,
    });
  });

  it('leaves a checkpoint of an earlier step as it is when an epoch ends', async () => {
    const {writer, position} = writing();
    position.countStep();
    await writer.save();
    position.countStep();
    position.countEpoch();
    await writer.endEpoch();
    expect(await readTrainingState(checkpoint(1))).toMatchObject({epoch: null, epochs: 0, batch: 1});
  });

  it('tries again where one could not be written, and says why', async () => {
    let isFull = true;
    const {writer, position, events} = writing({
      optimizer: () =>
        isFull
          ? Promise.reject(new Error('no space left on device'))
          : Promise.resolve({header: null, files: {}}),
    });
    position.countStep();
    expect(await writer.save()).toBe(true);
    expect(events).toEqual([
      expect.objectContaining({code: 'checkpoint_failed', message: 'no space left on device'}),
    ]);
    expect(existsSync(checkpoint(1))).toBe(false);
    isFull = false;
    await writer.save();
    expect(existsSync(checkpoint(1))).toBe(true);
  });
});
