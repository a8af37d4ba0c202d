import {existsSync, readFileSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {WatchSummary} from '../../src/watch/index.js';
import {readRun} from '../../src/journal/index.js';
import {writeCheckpoint} from '../watch/checkpoint-writer.js';
import {tinyProbes, tinyVit} from '../measure/tiny-vit.js';
import {run} from './run.js';

const SHARED = '../shared/models/vit-cifar';
const MINUTES = 60_000;

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'backfill-'));
});
afterAll(() => rm(scratch, {recursive: true, force: true}));

describe.skipIf(!existsSync(SHARED))('backfill over a real finetune from PyTorch (needs ../shared)', () => {
  it(
    'agrees with the reference in PyTorch at every checkpoint, newest first, and leaves pictures and a report',
    async () => {
      const {stdout, stderr, code} = await run(
        [
          ['backfill', `${SHARED}/finetune`, '--pretrained', `${SHARED}/pretrained`],
          [
            '--probes',
            `${SHARED}/probes.safetensors:images`,
            '--seeds',
            `${SHARED}/probes.safetensors:seeds`,
          ],
          [
            '--random',
            `${SHARED}/random`,
            '--pool',
            'tokens',
            '--preset',
            'stir',
            '--steps',
            '100',
            '--dir',
            join(scratch, 'runs'),
          ],
          ['--json'],
        ].flat(),
        {XDG_CACHE_HOME: join(scratch, 'cache'), WANDB_MODE: 'disabled'},
      );
      expect(code, stderr).toBe(0);
      const [summary] = JSON.parse(stdout) as [WatchSummary];
      expect(summary.measured).toEqual([400, 200, 100, 50, 25]);

      const expected = JSON.parse(readFileSync('test/fixtures/vit-cifar.json', 'utf8')) as Record<
        string,
        {R_biased: number[][]; R_unbiased: number[][]}
      >;
      const {readings} = await readRun(summary.folder);
      const worst = readings.flatMap(({step, retention}) => {
        const {R_biased, R_unbiased} = expected[step === 0 ? 'W0' : `checkpoint-${step}`]!;
        const distance = (ours: (number | null)[][], theirs: number[][]): number =>
          Math.max(...theirs.flatMap((row, i) => row.map((value, j) => Math.abs(value - ours[i]![j]!))));
        return [distance(retention.biased, R_biased), distance(retention.unbiased, R_unbiased)];
      });
      expect(worst).toHaveLength(12);
      expect(Math.max(...worst)).toBeLessThan(0.06);
      for (const file of ['report.html', 'media/retention-map.svg', 'media/retention-map.png'])
        expect(existsSync(join(summary.folder, file))).toBe(true);
    },
    30 * MINUTES,
  );
});

describe('backfill', () => {
  it('takes several folders in one go, one run each, which list shows and compare sets side by side', async () => {
    const folders = ['sweep/seed-1', 'sweep/seed-2'].map(name => join(scratch, name));
    for (const [index, folder] of folders.entries())
      await writeCheckpoint(folder, 10, {amount: 0.05 + 0.3 * index});
    const dir = join(scratch, 'sweep-runs');
    const environment = {
      XDG_CACHE_HOME: join(scratch, 'cache'),
      WANDB_MODE: 'offline',
      // An agent of a sweep exports these for the training.
      WANDB_RUN_ID: 'of-the-training',
      WANDB_NAME: 'of the training',
      WANDB_RESUME: 'must',
    };
    const backfill = await run(
      [
        'backfill',
        ...folders,
        '--pretrained',
        tinyVit,
        '--probes',
        await tinyProbes(join(scratch, 'probes.safetensors')),
        '--dir',
        dir,
        '--json',
      ],
      environment,
    );
    expect(backfill.code, backfill.stderr).toBe(0);
    const [one, two] = JSON.parse(backfill.stdout) as WatchSummary[];
    expect([one!.measured, two!.measured]).toEqual([[10], [10]]);
    const {info} = await readRun(one!.folder);
    expect(info.config).toMatchObject({group: 'sweep', job_type: 'invariance'});
    for (const {run: id, folder} of [one!, two!]) {
      const {settings} = JSON.parse(readFileSync(join(folder, 'wandb.json'), 'utf8')) as {settings: object};
      expect(settings).toMatchObject({id, resume: 'allow', group: 'sweep'});
      expect(settings).not.toHaveProperty('name');
    }

    const list = await run(['list', dir, '--json'], environment);
    expect(JSON.parse(list.stdout)).toMatchObject([
      {state: 'finished', readings: 2, step: 10, result: {name: 'loss', value: 1.5}},
      {state: 'finished', readings: 2, step: 10, result: {name: 'loss', value: 1.5}},
    ]);
    const compare = await run(['compare', one!.folder, two!.folder, '--json'], environment);
    expect(compare.code, compare.stderr).toBe(0);
    expect(JSON.parse(compare.stdout)).toMatchObject({a: {step: 10}, b: {step: 10}});
  });

  it('ends with 1 and says what it looked for in a folder without checkpoints', async () => {
    const result = await run(
      [
        'backfill',
        await mkdtemp(join(scratch, 'empty-')),
        '--pretrained',
        tinyVit,
        '--probes',
        await tinyProbes(join(scratch, 'probes.safetensors')),
        '--dir',
        join(scratch, 'none'),
      ],
      {XDG_CACHE_HOME: join(scratch, 'cache'), WANDB_MODE: 'disabled'},
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('no checkpoint in');
  });
});
