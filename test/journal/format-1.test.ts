import {appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, describe, expect, it} from 'vitest';
import {
  journalRecords,
  journalState,
  JournalTail,
  listRuns,
  openJournal,
  readRun,
  readRunInfo,
} from '../../src/journal/index.js';
import {exportOfflineLog} from '../../src/tracker/index.js';
import {RowMaker} from '../../src/tracker/wandb/content/rows.js';

/** A finetune of 30 steps that was killed after step 18 and resumed from 14, recorded by the version before format 2. */
const recorded = 'test/fixtures/journal-format-1';
const steps = [0, 5, 10, 15, 20, 25, 30];
const kinds = [
  ...['checkpoint', 'baseline', 'logged', 'reading', 'reading', 'reading', 'checkpoint'],
  ...[
    'resumed',
    'checkpoint',
    'baseline',
    'logged',
    'reading',
    'reading',
    'checkpoint',
    'reading',
    'checkpoint',
  ],
  ...['logged', 'reading', 'checkpoint', 'ended'],
];

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'format-1-')), 'run-1');
  cpSync(recorded, folder, {recursive: true});
});

const file = (name: string): string => join(folder, name);
const linesOf = (name: string): string[] => readFileSync(file(name), 'utf8').trim().split('\n');
const put = (name: string, lines: readonly string[]): void =>
  writeFileSync(file(name), lines.map(line => `${line}\n`).join(''));

async function resume(): Promise<void> {
  const journal = openJournal(folder);
  await journal.start(await readRunInfo(folder), {resumed: true});
  journal.event({type: 'resumed', time: 1, step: 30});
  journal.finish('killed');
}

/** The rows of W&B, by their numbers. */
async function rows(): Promise<unknown[]> {
  const maker = new RowMaker({info: await readRunInfo(folder)});
  const values: unknown[] = [];
  for (const record of journalRecords(folder))
    for (const row of await maker.rows(record, {draw: false})) values.push(row.values);
  return values;
}

describe('a run of format 1', () => {
  it('is read, in the order in which it was written', async () => {
    const run = await readRun(folder);
    expect(run).toMatchObject({state: 'finished', problems: [], info: {format: 1}});
    expect(run.readings.map(({step}) => step)).toEqual(steps);
    expect(run.baseline?.layers).toEqual(run.info.layers);
    const records = [...journalRecords(folder)];
    expect(records.map(({seq}) => seq)).toEqual(kinds.map((_, i) => i));
    expect(records.map(one => (one.kind === 'reading' ? one.kind : one.event.type))).toEqual(kinds);
    const values = linesOf('readings.jsonl').map(line => JSON.parse(line) as {retention: unknown});
    expect(run.readings.map(({retention}) => retention)).toEqual(values.map(({retention}) => retention));
  });

  it('is listed', async () => {
    expect(await listRuns(join(folder, '..'))).toMatchObject([
      {status: 'read', state: 'finished', readings: 7, last: {step: 30}, problems: []},
    ]);
  });

  it('is followed while it grows, each record when all before it are there', () => {
    const [events, readings] = [linesOf('events.jsonl'), linesOf('readings.jsonl')];
    put('events.jsonl', events.slice(0, 4));
    put('readings.jsonl', []);
    const tail = new JournalTail(folder);
    const seen: number[] = [];
    const follow = (): void => {
      for (let one = tail.next({final: false}); one; one = tail.next({final: false})) seen.push(one.seq);
    };
    follow();
    expect(seen, 'that with number 6 waits for the readings').toEqual([0, 1, 2]);
    put('readings.jsonl', readings.slice(0, 2));
    follow();
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    put('readings.jsonl', readings);
    put('events.jsonl', events);
    follow();
    expect(seen).toEqual(kinds.map((_, i) => i));
  });

  it('is exported', async () => {
    const surroundings = {env: {}};
    const exported = await exportOfflineLog({folder, out: join(folder, '..', 'wandb'), surroundings});
    expect(exported.rows).toBe((await rows()).length);
  });

  it('says which lines it leaves out: those that cannot be read, and those that come twice', async () => {
    const lines = linesOf('readings.jsonl');
    put('readings.jsonl', [lines[0]!, lines[1]!, lines[0]!, 'xx', ...lines.slice(3)]);
    appendFileSync(file('events.jsonl'), '{"seq":20,"ty');
    const run = await readRun(folder);
    expect(run.readings.map(({step}) => step)).toEqual(steps.filter(step => step !== 10));
    expect(run.problems).toEqual([
      'readings.jsonl line 3 has seq 3, which is there already',
      'readings.jsonl line 4 is not JSON',
      'events.jsonl ends in a torn line',
    ]);
    const said: string[] = [];
    await journalState(folder, {onLeftOut: text => said.push(text)});
    expect(said).toEqual([`some of its journal is left out: ${run.problems.join('; ')}`]);
  });
});

describe('a run of format 1 that goes on', () => {
  it('is one of format 2 from then on, with the same records under the same numbers', async () => {
    const [before, rowsBefore] = [[...journalRecords(folder)], await rows()];
    const run = await readRun(folder);
    await resume();
    expect((await readRunInfo(folder)).format).toBe(2);
    expect([existsSync(file('events.jsonl')), existsSync(file('readings.jsonl'))]).toEqual([false, false]);
    expect([...journalRecords(folder)].slice(0, before.length)).toEqual(before);
    expect((await rows()).slice(0, rowsBefore.length)).toEqual(rowsBefore);
    const after = await readRun(folder);
    expect(after.readings).toEqual(run.readings);
    expect([after.state, after.problems]).toEqual(['killed', []]);
    expect(linesOf('journal.jsonl')).toHaveLength(before.length + 2);
  });

  it('keeps the numbers behind a line that was lost, and says that it was', async () => {
    const lines = linesOf('readings.jsonl');
    put('readings.jsonl', [lines[0]!, 'xx', ...lines.slice(2)]);
    const before = [...journalRecords(folder)];
    await resume();
    expect([...journalRecords(folder)].slice(0, before.length)).toEqual(before);
    expect((await readRun(folder)).problems).toEqual([
      expect.stringMatching(/^journal.jsonl line 5 is no event/),
    ]);
  });

  it.each([
    ['before the old files were removed', () => {}],
    [
      'before run.json said so',
      () => writeFileSync(file('run.json'), readFileSync(join(recorded, 'run.json'), 'utf8')),
    ],
  ])('is whole where it was killed %s', async (_, undo) => {
    const before = [...journalRecords(folder)];
    await resume();
    for (const name of ['events.jsonl', 'readings.jsonl']) cpSync(join(recorded, name), file(name));
    undo();
    expect([...journalRecords(folder)].slice(0, before.length)).toEqual(before);
    await resume();
    expect([...journalRecords(folder)]).toHaveLength(before.length + 4);
    expect([(await readRunInfo(folder)).format, existsSync(file('events.jsonl'))]).toEqual([2, false]);
  });

  it('is refused where it is not to be resumed, and left as it is', async () => {
    const info = await readRunInfo(folder);
    await expect(openJournal(folder).start(info, {resumed: false})).rejects.toThrow(
      'resume it or name another id',
    );
    expect(existsSync(file('journal.jsonl'))).toBe(false);
    rmSync(folder, {recursive: true});
  });
});
