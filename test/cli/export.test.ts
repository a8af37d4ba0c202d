import {existsSync, mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {openJournal} from '../../src/journal/index.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../tracker/sample-run.js';
import {run} from './run.js';

it('export --wandb writes an offline run, and says what is wrong with its use', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'export-'));
  const journal = openJournal(join(dir, 'run-1'));
  await journal.start(sampleInfo(), {resumed: false});
  journal.event({type: 'baseline', time: sampleInfo().created, baseline: sampleBaseline()});
  journal.reading(sampleReading(100));
  journal.finish('finished');
  const args = ['run-1', '--dir', dir, '--out', join(dir, 'wandb')];

  const written = await run(['export', '--wandb', ...args, '--json']);
  expect(written).toMatchObject({code: 0, stderr: ''});
  const {offlineRun, rows} = JSON.parse(written.stdout) as {offlineRun: string; rows: number};
  expect(rows).toBe(2);
  expect(existsSync(join(offlineRun, 'run-run-1.wandb'))).toBe(true);

  expect(await run(['export', '--wandb', ...args])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('exists already'),
  });
  expect(await run(['export', '--wandb', 'none', '--dir', dir])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no run none in .*; there are run-1/),
  });
});
