import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';
import type {Tracker} from '../../src/tracker/contract.js';
import type {Reading, RunEvent, RunState} from '../../src/types.js';
import {sampleBaseline, sampleInfo, sampleReading} from './sample-run.js';

/** What is on record of a run, read where people would look for it: on the screen, in the files, on the server. */
export interface Recorded {
  /** Of the readings, in order. */
  steps: number[];
  /** Mean retention of each reading; null where all layers are withheld. */
  retention: (number | null)[];
  /** Seconds that the baseline took; null where there is none. */
  baselineSeconds: number | null;
  state: RunState;
}

export interface TrackerCase {
  name: string;
  /** A tracker for the run in this folder; called again with the same folder to resume. */
  open(folder: string): Tracker | Promise<Tracker>;
  /** What all trackers opened for this folder have left behind, once the last of them has finished. */
  recorded(folder: string): Recorded | Promise<Recorded>;
  /** Decimals of the retention on record; 9 where it is kept as a number. */
  decimals?: number;
  /** A process was killed while it wrote: leaves half a record. For trackers that keep files. */
  tear?(folder: string): void | Promise<void>;
  close?(): void | Promise<void>;
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}

export const everyEvent: RunEvent[] = [
  {type: 'baseline', time: 1, baseline: sampleBaseline()},
  {type: 'logged', time: 2, step: 10, epoch: 0.1, values: {'train/loss': 2.3, lr: 0.001}},
  {type: 'checkpoint', time: 3, step: 10, path: 'checkpoints/checkpoint-10', aliases: ['latest']},
  {type: 'notice', time: 4, level: 'warning', code: 'budget', message: 'readings cost 5 % of training'},
];

function meanRetention(reading: Reading): number | null {
  const values = reading.scores.flatMap(score => (score.status === 'scored' ? [score.value] : []));
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
}

/** A reading of which nothing can be scored. */
function withheldReading(step: number): Reading {
  const reading = sampleReading(step);
  return {
    ...reading,
    scores: reading.scores.map(() => ({status: 'withheld', reason: 'fewer than 4 images'})),
    meanScore: null,
  };
}

/** What every tracker does. Each is looked at in every test: one that records nothing fails. */
export function testTracker({name, open, recorded, decimals = 9, tear, close}: TrackerCase): void {
  describe(`${name} keeps the tracker contract`, () => {
    let folder: string;
    beforeEach(() => {
      folder = join(mkdtempSync(join(tmpdir(), 'tracker-')), 'run-1');
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await close?.();
    });

    async function record(tracker: Tracker, steps: number[], {resumed = false} = {}): Promise<void> {
      await tracker.start(frozen(sampleInfo()), {resumed, folder});
      if (!resumed) for (const event of everyEvent) await tracker.event(frozen(structuredClone(event)));
      for (const step of steps) await tracker.reading(frozen(sampleReading(step)));
    }

    /** Looks at the record: these readings, behind the baseline, of a run that ended so. */
    async function expectRecord(readings: readonly Reading[], state: RunState): Promise<void> {
      const seen = await recorded(folder);
      expect(seen).toEqual({
        steps: readings.map(({step}) => step),
        retention: readings
          .map(meanRetention)
          .map(mean => (mean === null ? null : (expect.closeTo(mean, decimals) as number))),
        baselineSeconds: sampleBaseline().cost.seconds,
        state,
      });
    }

    it('has a name', async () => {
      expect((await open(folder)).name).toMatch(/^[a-z]+$/);
    });

    it('records readings in order, whatever else happens between them', async () => {
      const tracker = await open(folder);
      await record(tracker, [0, 100]);
      await tracker.event(
        frozen({type: 'logged', time: 5, step: 150, epoch: 1.5, values: {loss: NaN, big: Infinity}}),
      );
      await tracker.reading(frozen(sampleReading(200)));
      await tracker.finish('finished');
      await expectRecord([0, 100, 200].map(sampleReading), 'finished');
    });

    it('neither changes nor keeps what it is given', async () => {
      const tracker = await open(folder);
      const info = sampleInfo();
      await tracker.start(info, {resumed: false, folder});
      const baseline = sampleBaseline();
      await tracker.event({type: 'baseline', time: 1, baseline});
      const reading = sampleReading(100);
      await tracker.reading(reading);
      expect(info).toEqual(sampleInfo());
      expect(baseline).toEqual(sampleBaseline());
      expect(reading).toEqual(sampleReading(100));
      // The caller goes on using its objects.
      reading.step = 999;
      reading.scores.forEach(score => Object.assign(score, {value: -1}));
      reading.meanScore = -1;
      baseline.gates.length = 0;
      baseline.cost.seconds = -1;
      await tracker.finish('finished');
      await expectRecord([sampleReading(100)], 'finished');
    });

    it.each(['finished', 'crashed', 'killed'] as const)('records that a run %s', async state => {
      const tracker = await open(folder);
      await record(tracker, [0]);
      await tracker.finish(state);
      await expectRecord([sampleReading(0)], state);
    });

    it('finishes a run without any reading', async () => {
      const tracker = await open(folder);
      await tracker.start(sampleInfo(), {resumed: false, folder});
      await tracker.finish('crashed');
      expect(await recorded(folder)).toEqual({
        steps: [],
        retention: [],
        baselineSeconds: null,
        state: 'crashed',
      });
    });

    it('takes a reading whose layers are all withheld', async () => {
      const tracker = await open(folder);
      await record(tracker, []);
      await tracker.reading(withheldReading(100));
      await tracker.finish('finished');
      await expectRecord([withheldReading(100)], 'finished');
    });

    it('goes on after a resumed start with nothing repeated', async () => {
      const first = await open(folder);
      await record(first, [0, 100]);
      await first.finish('killed');
      const second = await open(folder);
      await record(second, [], {resumed: true});
      await second.event({type: 'resumed', time: 6, step: 100});
      await second.reading(sampleReading(200));
      await second.finish('finished');
      await expectRecord([0, 100, 200].map(sampleReading), 'finished');
    });

    it.runIf(tear)('goes on behind a record that a kill tore in half', async () => {
      const first = await open(folder);
      await record(first, [0, 100]);
      await first.finish('killed');
      await tear!(folder);
      const second = await open(folder);
      await record(second, [200], {resumed: true});
      await second.finish('finished');
      await expectRecord([0, 100, 200].map(sampleReading), 'finished');
    });

    it('writes nothing to standard output', async () => {
      const write = vi.spyOn(process.stdout, 'write');
      const log = vi.spyOn(console, 'log');
      const tracker = await open(folder);
      await record(tracker, [0, 100]);
      await tracker.finish('finished');
      expect(write).not.toHaveBeenCalled();
      expect(log).not.toHaveBeenCalled();
    });
  });
}
