import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import {afterEach, describe, expect, it, vi} from 'vitest';
import {createDispatcher} from '../../src/tracker/dispatcher.js';
import {memoryTracker, type Tracker} from '../../src/tracker/index.js';
import {openJournal, readRun} from '../../src/journal/index.js';
import type {RunEvent} from '../../src/types.js';
import {sampleInfo, sampleReading} from './sample-run.js';

async function dispatching(trackers: Tracker[], options: {waiting?: number; patience?: number} = {}) {
  const folder = join(mkdtempSync(join(tmpdir(), 'dispatcher-')), 'run-1');
  const dispatcher = createDispatcher({
    journal: openJournal(folder),
    trackers,

    patience: 10_000,
    now: Date.now,
    ...options,
  });
  await dispatcher.start(sampleInfo(), {resumed: false});
  return {folder, dispatcher};
}

const logged = (step: number): RunEvent => ({
  type: 'logged',
  time: step,
  step,
  epoch: null,
  values: {loss: step},
});

function faults(events: readonly RunEvent[]): string[] {
  return events.flatMap(event => (event.type === 'notice' ? [event.message] : []));
}

afterEach(() => vi.useRealTimers());

describe('the dispatcher', () => {
  it('has a reading in the journal before any tracker sees it', async () => {
    const inJournal: number[] = [];
    const folderOf: {folder?: string} = {};
    const tracker: Tracker = {
      ...memoryTracker(),
      name: 'looking',
      async reading() {
        inJournal.push((await readRun(folderOf.folder!)).readings.length);
      },
    };
    const {folder, dispatcher} = await dispatching([tracker]);
    folderOf.folder = folder;
    dispatcher.reading(sampleReading(0));
    expect((await readRun(folder)).readings).toHaveLength(1);
    await dispatcher.finish('finished');
    expect(inJournal).toEqual([1]);
  });

  it('turns what a tracker throws into one notice, and goes on with it and with the others', async () => {
    const seen: number[] = [];
    const broken: Tracker = {
      ...memoryTracker(),
      name: 'broken',
      event(event) {
        if (event.type !== 'logged') return;
        seen.push(event.step);
        if (event.step < 3) throw new Error('no route to host');
      },
    };
    const memory = memoryTracker();
    const {folder, dispatcher} = await dispatching([broken, memory]);
    for (const step of [1, 2, 3]) dispatcher.event(logged(step));
    await dispatcher.finish('finished');
    expect(seen).toEqual([1, 2, 3]);
    expect(faults((await readRun(folder)).events)).toEqual(['tracker broken: no route to host']);
    expect(faults(memory.events)).toEqual(['tracker broken: no route to host']);
    expect(memory.events.filter(({type}) => type === 'logged')).toHaveLength(3);
    expect(memory.state).toBe('finished');
  });

  it('is not held up by a tracker that hangs, at the end no longer than its patience', async () => {
    const hanging: Tracker = {...memoryTracker(), name: 'hanging', reading: () => new Promise(() => {})};
    const memory = memoryTracker();
    const {folder, dispatcher} = await dispatching([hanging, memory], {patience: 20});
    dispatcher.reading(sampleReading(0));
    dispatcher.reading(sampleReading(10));
    await setImmediate();
    expect(memory.readings).toHaveLength(2);
    await dispatcher.finish('finished');
    const run = await readRun(folder);
    expect(run.state).toBe('finished');
    expect(faults(run.events)).toEqual([
      'tracker hanging: did not finish within 0.02 s; the journal holds every record',
    ]);
  });

  it.each([
    ['crashed', 60_000, 5],
    ['killed', 60_000, 5],
    ['finished', 60_000, 60],
    ['crashed', 2000, 2],
  ] as const)('of a run that %s with a patience of %i ms, waits %i s', async (state, patience, seconds) => {
    const hanging: Tracker = {...memoryTracker(), name: 'hanging', finish: () => new Promise(() => {})};
    const {folder, dispatcher} = await dispatching([hanging], {patience});
    vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout']});
    let done = false;
    const finished = dispatcher.finish(state).then(() => (done = true));
    await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
    expect(done).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await finished;
    const run = await readRun(folder);
    expect(run.state).toBe(state);
    expect(faults(run.events)).toEqual([
      `tracker hanging: did not finish within ${seconds} s; the journal holds every record`,
    ]);
  });

  it('leaves no timer behind that would hold up the end of the process', async () => {
    const {dispatcher} = await dispatching([memoryTracker()]);
    vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout']});
    await dispatcher.finish('finished');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives a slow tracker every record once and in order, from the journal where memory ran out', async () => {
    let release = () => {};
    const gate = new Promise<void>(resolve => (release = resolve));
    const steps: string[] = [];
    const slow: Tracker = {
      ...memoryTracker(),
      name: 'slow',
      async event(event) {
        await gate;
        steps.push(event.type === 'logged' ? `logged ${event.step}` : event.type);
      },
      reading: ({step}) => void steps.push(`reading ${step}`),
      finish: state => void steps.push(state),
    };
    const {dispatcher} = await dispatching([slow], {waiting: 3});
    const expected: string[] = [];
    for (let step = 1; step <= 20; step++) {
      dispatcher.event(logged(step));
      expected.push(`logged ${step}`);
      if (step % 5 !== 0) continue;
      dispatcher.reading(sampleReading(step));
      expected.push(`reading ${step}`);
    }
    release();
    await dispatcher.finish('finished');
    expect(steps).toEqual([...expected, 'finished']);
  });

  it('tells a tracker that could not start the rest all the same', async () => {
    const memory = memoryTracker();
    const late: Tracker = {
      ...memory,
      name: 'late',
      start() {
        throw new Error('refused');
      },
    };
    const {folder, dispatcher} = await dispatching([late]);
    dispatcher.event(logged(1));
    await dispatcher.finish('crashed');
    expect(memory.events).toHaveLength(1);
    const run = await readRun(folder);
    expect(faults(run.events)).toEqual(['tracker late: refused']);
    expect(run.state).toBe('crashed');
  });
});
