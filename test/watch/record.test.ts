import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, describe, expect, it, onTestFinished} from 'vitest';
import type {RecordedRun} from '../../src/journal/index.js';
import {openMeasuredCheckpoints} from '../../src/watch/measured-checkpoints.js';
import {WatchRecord} from '../../src/watch/record.js';
import type {RunEvent} from '../../src/types.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../tracker/sample-run.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'record-'));
  onTestFinished(() => rmSync(folder, {recursive: true, force: true}));
});

/** A record of the folder `out`, and what it hands on. */
async function recording(before: RecordedRun | null = null) {
  const events: RunEvent[] = [];
  const readings: number[] = [];
  const record = new WatchRecord({
    watched: 'out',
    folder,
    info: sampleInfo(),
    held: join(folder, 'held'),
    checkpoints: await openMeasuredCheckpoints({run: folder, folder: 'out', onTrouble: expect.unreachable}),
    dispatcher: {
      start: () => Promise.resolve(),
      event: event => events.push(event),
      reading: ({step}) => readings.push(step),
      finish: () => Promise.resolve(),
    },
    before,
  });
  const told = () =>
    events.splice(0).map(event => ('step' in event ? [event.type, event.step] : [event.type]));
  return {record, events, readings, told};
}

/** The log of a training of 10 steps a row, as a `trainer_state.json` tells it. */
const state = (steps: number[], loss: number) => ({
  step: steps.at(-1) ?? 0,
  epoch: null,
  maxSteps: null,
  history: steps.map(step => ({step, epoch: step / 100, values: {loss}})),
});

describe('the record of a watch', () => {
  it('knows what it has taken', async () => {
    const {record, readings, told} = await recording();
    expect([record.hasBaseline, record.hasConvergence(), [...record.steps]]).toEqual([false, false, []]);
    record.reading(sampleReading(0));
    record.reading({...sampleReading(10), convergence: []});
    expect([record.hasConvergence(), [...record.steps], readings]).toEqual([true, [0, 10], [0, 10]]);
    expect(told()).toEqual([]);
  });

  it('logs each row once', async () => {
    const {record, told} = await recording();
    record.log(state([10, 20], 1), 1);
    record.log(state([10, 20, 30], 1), 2);
    expect(told()).toEqual([
      ['logged', 10],
      ['logged', 20],
      ['logged', 30],
    ]);
  });

  it('supersedes what a newer training contradicts, from there on, and logs that one', async () => {
    const {record, told} = await recording();
    record.log(state([10, 20, 30], 1), 1);
    for (const step of [10, 20, 30]) record.reading({...sampleReading(step), time: step});
    told();
    const [first] = state([10], 1).history;
    record.log({...state([], 0), history: [first!, ...state([20, 30], 2).history]}, 100);
    expect(told()).toEqual([['notice'], ['resumed', 19], ['logged', 20], ['logged', 30]]);
    expect([...record.steps]).toEqual([10]);
  });

  it('does not let an older checkpoint of another training contradict it', async () => {
    const {record, told} = await recording();
    record.log(state([10], 1), 1);
    record.reading({...sampleReading(10), time: 100});
    told();
    record.log(state([10], 2), 99);
    expect(told()).toEqual([]);
  });

  it('goes on after what is on record', async () => {
    const before: RecordedRun = {
      folder,
      problems: [],
      info: sampleInfo(),
      baseline: sampleBaseline(),
      readings: [sampleReading(0), {...sampleReading(20), convergence: []}],
      events: [{type: 'logged', time: 0, step: 30, epoch: 0.3, values: {loss: 1}}],
      state: 'killed',
    };
    const {record, told} = await recording(before);
    expect(told()).toEqual([['resumed', 30]]);
    expect([record.hasBaseline, record.hasConvergence(), [...record.steps]]).toEqual([true, true, [0, 20]]);
    record.log(state([30, 40], 1), 1);
    expect(told()).toEqual([['logged', 40]]);
  });
});
