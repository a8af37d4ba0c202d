import * as fs from 'node:fs';
import {appendFileSync, existsSync, mkdtempSync, readFileSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {beforeEach, describe, expect, it} from 'vitest';
import {
  journalRecords,
  journalState,
  listRuns,
  openJournal,
  otherWriter,
  readable,
  readRun,
  type Journal,
} from '../../src/journal/index.js';
import {scalarsOf} from '../../src/tracker/index.js';
import type {RunEvent} from '../../src/types.js';
import {everyEvent, testTracker} from '../tracker/contract.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../tracker/sample-run.js';

testTracker({
  name: 'journal',
  open: folder => openJournal(folder),
  async recorded(folder) {
    const {readings, baseline, state} = await readRun(folder);
    return {
      steps: readings.map(reading => reading.step),
      retention: readings.map(
        reading => scalarsOf(reading, sampleBaseline())['invariance/retention'] ?? null,
      ),
      baselineSeconds: baseline?.cost.seconds ?? null,
      state,
    };
  },
  tear(folder) {
    appendFileSync(join(folder, 'journal.jsonl'), '{"type":"reading","step":150,"sco');
  },
});

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'journal-')), 'run-1');
});

async function started(options: Parameters<typeof openJournal>[1] = {}): Promise<Journal> {
  const journal = openJournal(folder, options);
  await journal.start(sampleInfo(), {resumed: false});
  return journal;
}

describe('the journal', () => {
  it('reads back exactly what was recorded', async () => {
    const journal = await started();
    for (const event of everyEvent) journal.event(event);
    journal.reading(sampleReading(0));
    journal.reading(sampleReading(100));
    const run = await journal.readBack();
    expect(run.info).toEqual(sampleInfo());
    expect(run.events).toEqual(everyEvent);
    expect(run.readings).toEqual([sampleReading(0), sampleReading(100)]);
    expect(run.baseline).toEqual(sampleBaseline());
    expect(run.state).toBe('running');
    expect(run.problems).toEqual([]);
  });

  it('leaves out what a crashed process recorded past the step that was resumed', async () => {
    const journal = await started();
    for (const step of [0, 10, 20]) {
      journal.event({type: 'logged', time: step, step, epoch: null, values: {loss: step}});
      journal.reading(sampleReading(step));
    }
    journal.event({type: 'resumed', time: 21, step: 10});
    journal.reading({...sampleReading(20), time: 22});
    const run = await journal.readBack();
    expect(run.readings.map(({step, time}) => [step, time > 22])).toEqual([
      [0, true],
      [10, true],
      [20, false],
    ]);
    expect(run.events.flatMap(event => (event.type === 'logged' ? [event.step] : []))).toEqual([0, 10]);
  });

  it('leaves out a superseded reading also where none of its step was taken since', async () => {
    const journal = await started();
    for (const step of [0, 10, 20]) journal.reading(sampleReading(step));
    journal.event({type: 'resumed', time: 21, step: 10});
    expect((await journal.readBack()).readings.map(({step}) => step)).toEqual([0, 10]);
    journal.reading(sampleReading(15));
    expect((await journal.readBack()).readings.map(({step}) => step)).toEqual([0, 10, 15]);
  });

  it('has a reading on disk when the call returns', async () => {
    const journal = await started();
    journal.reading(sampleReading(0));
    expect(readFileSync(join(folder, 'journal.jsonl'), 'utf8')).toMatch(
      /^\{"type":"reading","step":0,.*\}\n$/,
    );
  });

  it('asks the disk to keep readings, and not the cheap logged values', async () => {
    let syncs = 0;
    const journal = await started({fs: {...fs, fsyncSync: fd => (syncs++, fs.fsyncSync(fd))}});
    journal.event({type: 'logged', time: 1, step: 1, epoch: null, values: {loss: 1}});
    expect(syncs).toBe(0);
    journal.reading(sampleReading(0));
    expect(syncs).toBe(1);
    for (const event of everyEvent) journal.event(event);
    expect(syncs).toBe(4);
  });

  it('has one end on record, the one that was said first', async () => {
    const journal = await started();
    journal.event({type: 'ended', time: 1, state: 'finished'});
    journal.finish('crashed');
    journal.finish('killed');
    const {events} = await readRun(folder);
    expect(events).toEqual([{type: 'ended', time: 1, state: 'finished'}]);
  });

  it('ends again, where it is resumed after its end', async () => {
    const journal = await started({now: () => 7});
    for (const state of ['finished', 'killed'] as const) {
      journal.finish(state);
      await journal.start(sampleInfo(), {resumed: true});
    }
    journal.finish('crashed');
    expect((await readRun(folder)).events).toEqual(
      ['finished', 'killed', 'crashed'].map(state => ({type: 'ended', time: 7, state})),
    );
  });

  it('takes records between its start and its end alone', async () => {
    const journal = openJournal(folder);
    const refusal = expect.objectContaining({
      code: 'bad_option',
      message: 'the journal takes records between start and finish',
    }) as Error;
    expect(() => journal.reading(sampleReading(0))).toThrow(refusal);
    await journal.start(sampleInfo(), {resumed: false});
    journal.finish('finished');
    expect(() => journal.event(everyEvent[0]!)).toThrow(refusal);
  });

  it('keeps NaN and infinities that the training logged', async () => {
    const journal = await started();
    const event: RunEvent = {
      type: 'logged',
      time: 1,
      step: 1,
      epoch: null,
      values: {a: NaN, b: -Infinity, c: 1},
    };
    journal.event(event);
    expect((await journal.readBack()).events).toEqual([event]);
  });

  it('numbers readings and events in one order, also after a resume', async () => {
    const journal = await started();
    journal.event(everyEvent[0]!);
    journal.reading(sampleReading(0));
    journal.event(everyEvent[1]!);
    journal.finish('killed');
    const again = openJournal(folder);
    await again.start(sampleInfo(), {resumed: true});
    again.reading(sampleReading(100));
    const numbered = [...journalRecords(folder)].map(one => [
      one.seq,
      one.kind === 'reading' ? one.kind : one.event.type,
    ]);
    expect(numbered).toEqual([
      [0, 'baseline'],
      [1, 'reading'],
      [2, 'logged'],
      [3, 'ended'],
      [4, 'reading'],
    ]);
    expect(again.next()).toBe(5);
  });

  it.each([10, 100_000, 3_000_000])('goes on counting behind a last line of %i characters', async length => {
    const journal = await started();
    journal.reading(sampleReading(0));
    const message = 'x'.repeat(length);
    journal.event({type: 'notice', time: 1, level: 'info', code: 'long', message});
    journal.event({type: 'notice', time: 2, level: 'info', code: 'long', message});
    journal.finish('killed');
    const again = openJournal(folder);
    await again.start(sampleInfo(), {resumed: true});
    expect(again.next()).toBe(4);
  });

  it('keeps run.json of the first start', async () => {
    const journal = await started();
    journal.finish('killed');
    const again = openJournal(folder);
    await again.start({...sampleInfo(), name: 'another'}, {resumed: true});
    expect((await again.readBack()).info).toEqual(sampleInfo());
  });

  it.each([1, 7, 40])(
    'reads past a last line that is torn %i bytes before its end, and repairs it on resume',
    async cut => {
      const journal = await started();
      journal.reading(sampleReading(0));
      journal.reading(sampleReading(100));
      const path = join(folder, 'journal.jsonl');
      truncateSync(path, readFileSync(path).length - cut);
      const torn = await readRun(folder);
      expect(torn.readings).toEqual([sampleReading(0)]);
      expect(torn.problems).toEqual(['journal.jsonl ends in a torn line']);
      const again = openJournal(folder);
      await again.start(sampleInfo(), {resumed: true});
      again.reading(sampleReading(200));
      const run = await readRun(folder);
      expect(run.readings).toEqual([sampleReading(0), sampleReading(200)]);
      expect(run.problems).toEqual([]);
    },
  );

  it('names and skips a bad line in the middle, which has a number all the same', async () => {
    const journal = await started();
    journal.event(everyEvent[1]!);
    journal.finish('killed');
    const bad = ['xx{"', '[1]', '{"time":1}', '{"type":"reading","step":"ten"}'];
    appendFileSync(join(folder, 'journal.jsonl'), `${bad.join('\n')}\n`);
    const again = openJournal(folder);
    await again.start(sampleInfo(), {resumed: true});
    expect(again.next()).toBe(6);
    again.event(everyEvent[2]!);
    const run = await readRun(folder);
    expect(run.events).toEqual([everyEvent[1], expect.objectContaining({type: 'ended'}), everyEvent[2]]);
    expect(run.problems).toEqual([
      'journal.jsonl line 3 is not JSON',
      'journal.jsonl line 4 is no record',
      expect.stringMatching(/^journal.jsonl line 5 is no event: type: /),
      expect.stringMatching(/^journal.jsonl line 6 is no reading: step: .*expected number/),
    ]);
    expect([...journalRecords(folder)].map(({seq}) => seq)).toEqual([0, 1, 6]);
  });

  it('names and skips a line that comes twice', async () => {
    const journal = await started();
    journal.event(everyEvent[1]!);
    const path = join(folder, 'journal.jsonl');
    appendFileSync(path, readFileSync(path));
    expect(await readRun(folder)).toMatchObject({
      events: [everyEvent[1]],
      problems: ['journal.jsonl line 2 is the line before it once more'],
    });
  });

  it('names so many bad lines, and counts the others', async () => {
    await started();
    appendFileSync(join(folder, 'journal.jsonl'), 'bad\n'.repeat(1000));
    const {problems} = await readRun(folder);
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toBe('so are 980 more lines');
  });

  it('refuses a folder that cannot be written', async () => {
    writeFileSync(join(folder, '..', 'file'), '');
    const journal = openJournal(join(folder, '..', 'file', 'run-1'));
    await expect(journal.start(sampleInfo(), {resumed: false})).rejects.toMatchObject({
      code: 'io_failed',
      message: expect.stringMatching(/cannot write .*file.*; name a writable folder/),
    });
  });

  it('refuses a folder that holds another run, or this one where it is not resumed', async () => {
    const journal = await started();
    journal.reading(sampleReading(0));
    await expect(openJournal(folder).start(sampleInfo('run-2'), {resumed: true})).rejects.toMatchObject({
      code: 'bad_record',
      message: expect.stringContaining('holds run run-1, not run-2'),
    });
    await expect(openJournal(folder).start(sampleInfo(), {resumed: false})).rejects.toMatchObject({
      code: 'bad_record',
      message: expect.stringContaining('resume it'),
    });
  });
});

describe('on a full disk', () => {
  /** A disk that takes a few bytes of a line and then says ENOSPC, as real ones do. */
  function fullDisk() {
    const disk = {
      full: false,
      fs: {
        ...fs,
        writeSync: ((fd: number, bytes: Buffer, offset: number) => {
          if (!disk.full) return fs.writeSync(fd, bytes, offset);
          fs.writeSync(fd, bytes, offset, Math.min(5, bytes.length - offset));
          throw Object.assign(new Error('ENOSPC: no space left on device, write'), {code: 'ENOSPC'});
        }) as typeof fs.writeSync,
      },
    };
    return disk;
  }

  it('says so once, throws nothing, and writes what waits when there is room again, in order', async () => {
    const disk = fullDisk();
    const notices: string[] = [];
    const journal = await started({
      fs: disk.fs,
      onNotice: ({level, code}) => notices.push(`${level} ${code}`),
    });
    journal.reading(sampleReading(0));
    disk.full = true;
    journal.reading(sampleReading(100));
    journal.reading(sampleReading(200));
    expect((await readRun(folder)).readings).toEqual([sampleReading(0)]);
    expect((await readRun(folder)).problems).toEqual([]);
    disk.full = false;
    journal.reading(sampleReading(300));
    const run = await readRun(folder);
    expect(run.readings.map(reading => reading.step)).toEqual([0, 100, 200, 300]);
    expect(run.problems).toEqual([]);
    expect(notices).toEqual(['warning journal_failing', 'info journal_recovered']);
  });

  it('keeps no more than its bound in memory, and says what that costs', async () => {
    const disk = fullDisk();
    const notices: string[] = [];
    const journal = await started({
      fs: disk.fs,
      bound: 5000,
      onNotice: ({level, code}) => notices.push(`${level} ${code}`),
    });
    disk.full = true;
    for (let step = 0; step < 10; step++) journal.reading(sampleReading(step));
    disk.full = false;
    journal.finish('finished');
    const steps = (await readRun(folder)).readings.map(reading => reading.step);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.length).toBeLessThan(10);
    expect(steps).toEqual(steps.map((_, i) => i));
    expect(notices).toContain('error journal_dropping');
  });
});

describe('readRun', () => {
  it('says of a run without an end that it crashed once its writer is gone', async () => {
    const journal = await started();
    journal.reading(sampleReading(0));
    const path = join(folder, 'writer.json');
    const writer = JSON.parse(readFileSync(path, 'utf8')) as object;
    // Process ids end at 2^22 on Linux: no process has this one.
    writeFileSync(path, JSON.stringify({...writer, pid: 2 ** 22 + 1}));
    expect((await readRun(folder)).state).toBe('crashed');
  });

  it.skipIf(process.platform !== 'linux')('and also once its number is that of another process', async () => {
    const journal = await started();
    journal.reading(sampleReading(0));
    const path = join(folder, 'writer.json');
    const writer = JSON.parse(readFileSync(path, 'utf8')) as object;
    expect((await readRun(folder)).state).toBe('running');
    // Of another process of this number, it would be in the way of this one.
    writeFileSync(path, JSON.stringify({...writer, pid: process.ppid, started: '1'}));
    expect((await readRun(folder)).state).toBe('crashed');
    expect(await otherWriter(folder)).toBeNull();
    await openJournal(folder).start(sampleInfo(), {resumed: true});
  });

  it.skipIf(process.platform !== 'linux')(
    'nor does one in another container stand in the way, whose end nobody here can know',
    async () => {
      const journal = await started();
      journal.reading(sampleReading(0));
      const path = join(folder, 'writer.json');
      const writer = JSON.parse(readFileSync(path, 'utf8')) as object;
      const there = {...writer, pid: process.ppid, boot: 'another', machine: null};
      writeFileSync(path, JSON.stringify(there));
      expect((await readRun(folder)).state).toBe('running');
      expect(await otherWriter(folder)).toBeNull();
    },
  );

  it('says that a run goes on which was trained further after its end, with its uploader and its list', async () => {
    const journal = await started();
    journal.event({type: 'ended', time: 1, state: 'finished'});
    journal.event({type: 'notice', time: 2, level: 'info', code: 'late', message: 'after the end'});
    expect([(await readRun(folder)).state, await journalState(folder)]).toEqual(['finished', 'finished']);
    journal.reading(sampleReading(0));
    expect([(await readRun(folder)).state, await journalState(folder)]).toEqual(['running', 'running']);
  });

  it.each([
    ['is no run folder', null],
    ['is not JSON', '{'],
    ['has format 9', '{"format": 9}'],
    ['has format undefined', '5'],
    ['describes no run: layers: ', JSON.stringify({...sampleInfo(), layers: 7})],
  ])('refuses what %s', async (message, text) => {
    fs.mkdirSync(folder, {recursive: true});
    if (text !== null) writeFileSync(join(folder, 'run.json'), text);
    await expect(readRun(folder)).rejects.toMatchObject({
      code: 'bad_record',
      message: expect.stringContaining(message),
    });
  });
});

describe('listRuns', () => {
  it('lists the runs of a folder, newest first, and leaves out what is none', async () => {
    const root = join(folder, '..');
    for (const [id, created] of [
      ['a', 1],
      ['b', 3],
      ['c', 2],
    ] as const) {
      const journal = openJournal(join(root, id));
      await journal.start({...sampleInfo(id), created}, {resumed: false});
      journal.reading(sampleReading(created));
      if (id !== 'c') journal.finish('finished');
    }
    fs.mkdirSync(join(root, 'no-run'));
    const runs = readable(await listRuns(root));
    expect(runs.map(({info, state, readings, last}) => [info.id, state, readings, last?.step])).toEqual([
      ['b', 'finished', 1, 3],
      ['c', 'running', 1, 2],
      ['a', 'finished', 1, 1],
    ]);
    expect(existsSync(join(root, 'a', 'media'))).toBe(true);
  });

  it('marks a run that cannot be read, and lists the others', async () => {
    const root = join(folder, '..');
    (await started()).finish('finished');
    for (const [name, text] of [
      ['not-json', '{'],
      ['newer', '{"format": 9}'],
      ['damaged', JSON.stringify({...sampleInfo(), fingerprint: null})],
    ] as const) {
      fs.mkdirSync(join(root, name));
      writeFileSync(join(root, name, 'run.json'), text);
    }
    const runs = await listRuns(root);
    expect(runs[0]).toMatchObject({status: 'read', state: 'finished', problems: []});
    expect(new Map(runs.slice(1).map(run => [basename(run.folder), run]))).toEqual(
      new Map(
        [
          ['damaged', 'describes no run: fingerprint: '],
          ['newer', 'has format 9; this version reads formats 1 and 2'],
          ['not-json', 'is not JSON'],
        ].map(([name, problem]) => [
          name,
          {status: 'unreadable', folder: join(root, name!), name, problem: expect.stringContaining(problem!)},
        ]),
      ),
    );
  });

  it('finds none where there is no folder', async () => {
    expect(await listRuns(join(folder, 'nowhere'))).toEqual([]);
  });
});
