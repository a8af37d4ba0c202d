import {appendFileSync, cpSync, mkdirSync, mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {openJournal} from '../../src/journal/index.js';
import {sampleInfo, sampleReading} from '../tracker/sample-run.js';
import {run} from './run.js';

it('list names runs and says when they began, and takes the validation value of the step before one of a batch', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'list-'));
  const journal = openJournal(join(dir, 'birds'));
  await journal.start({...sampleInfo('20260311-142530-3f9a'), name: 'birds, warm'}, {resumed: false});
  journal.reading({...sampleReading(100), logged: {loss: 0.5, acc: 0.75}});
  const at = {type: 'logged', time: 1, epoch: 1} as const;
  journal.event({...at, step: 100, values: {epoch_acc: 0.6, val_acc: 0.25}});
  journal.event({...at, step: 200, values: {val_acc: 0.125}});
  const message = 'loss is NaN';
  journal.event({type: 'notice', time: 1, level: 'error', code: 'diverged', message, step: 130});
  journal.finish('finished');

  const {stdout} = await run(['list', dir]);
  const [head, row] = stdout.split('\n');
  expect(head).toMatch(/^ *run +name +started \(UTC\) +state +step /);
  expect(row).toMatch(
    /^20260311-142530-3f9a  birds, warm  2\d{3}-\d\d-\d\d \d\d:\d\d +finished, diverged from step 130 +100 +1  val_acc 0\.250 /,
  );
  const [listed] = JSON.parse((await run(['list', dir, '--json'])).stdout) as object[];
  expect(listed).toMatchObject({
    name: 'birds, warm',
    result: {name: 'val_acc', value: 0.25},
    diverged: {step: 130, message},
  });
});

it('list shows runs of both formats, marks what cannot be read, and says what it leaves out', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'list-'));
  const journal = openJournal(join(dir, 'whole'));
  await journal.start(sampleInfo('whole'), {resumed: false});
  journal.reading(sampleReading(100));
  journal.finish('finished');
  cpSync('test/fixtures/journal-format-1', join(dir, 'old'), {recursive: true});
  cpSync(join(dir, 'whole'), join(dir, 'torn'), {recursive: true});
  appendFileSync(join(dir, 'torn', 'journal.jsonl'), 'xx\n{"ty');
  mkdirSync(join(dir, 'broken'));
  writeFileSync(join(dir, 'broken', 'run.json'), '{"format": 2}');

  const listed = await run(['list', dir, '--json']);
  expect(listed.code).toBe(0);
  const runs = new Map((JSON.parse(listed.stdout) as {folder: string}[]).map(one => [one.folder, one]));
  expect(runs.get(join(dir, 'whole'))).toMatchObject({
    state: 'finished',
    readings: 1,
    step: 100,
    problems: [],
  });
  expect(runs.get(join(dir, 'old'))).toMatchObject({state: 'finished', readings: 7, step: 30, problems: []});
  expect(runs.get(join(dir, 'torn'))).toMatchObject({
    readings: 1,
    problems: ['journal.jsonl line 3 is not JSON', 'journal.jsonl ends in a torn line'],
  });
  expect(runs.get(join(dir, 'broken'))).toEqual({
    id: 'broken',
    folder: join(dir, 'broken'),
    state: 'unreadable',
    problem: expect.stringMatching(/run\.json describes no run: id: /),
  });

  const {code, stdout} = await run(['list', dir]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^broken +unreadable +– /m);
  expect(stdout).toMatch(/^broken: .*describes no run: id: /m);
  expect(stdout).toMatch(/^whole: some of its journal is left out: journal\.jsonl line 3 is not JSON; /m);
});
