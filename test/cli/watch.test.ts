import {existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {WatchSummary} from '../../src/watch/index.js';
import {listRuns, readRun} from '../../src/journal/index.js';
import {writeCheckpoint} from '../watch/checkpoint-writer.js';
import {tinyProbes, tinyVit} from '../measure/tiny-vit.js';
import {run, start} from './run.js';

let scratch: string;
let folder: string;
let dir: string;
let options: string[];
let environment: Record<string, string>;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'watch-cli-'));
  folder = join(scratch, 'out');
  dir = join(scratch, 'runs');
  options = [
    '--pretrained',
    tinyVit,
    '--probes',
    await tinyProbes(join(scratch, 'probes.safetensors')),
    '--dir',
    dir,
  ];
  environment = {XDG_CACHE_HOME: join(scratch, 'cache'), WANDB_MODE: 'disabled'};
});
// A command that a signal ended leaves its child a moment in which it may still write its cache.
afterEach(() => rm(scratch, {recursive: true, force: true, maxRetries: 20, retryDelay: 100}));

const watch = (...args: string[]) =>
  start(['watch', folder, ...options, '--steps', '5', ...args], environment);
const finish = () => writeFileSync(join(folder, 'invariance-finished'), '');

describe('watch', () => {
  it('says at once where it looks and what for, then where the record is, and closes that on Ctrl-C', async () => {
    const watching = watch('--json');
    await watching.says(/record: /);
    await writeCheckpoint(folder, 10);
    await watching.says(/step 10, .*retention/);
    watching.signal('SIGINT');
    const {code, stdout, stderr} = await watching.ended;
    expect(code, stderr).toBe(0);
    const [summary] = JSON.parse(stdout) as [WatchSummary];
    expect(summary).toMatchObject({watched: folder, measured: [10], failed: [], ended: 'interrupted'});
    const lines = stderr.split('\n');
    expect(lines[0]).toMatch(`watching ${folder} for folders such as checkpoint-100`);
    expect(lines[1]).toBe(`record: ${summary.folder}`);
    expect((await readRun(summary.folder)).state).toBe('killed');
    expect(existsSync(join(summary.folder, 'held'))).toBe(false);
  });

  it('ends with 0 when the training has, and shows that on standard output', async () => {
    await writeCheckpoint(folder, 10, {maxSteps: 10});
    const {code, stdout, stderr} = await watch().ended;
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /^out-[0-9a-f]{8}: 1 checkpoint measured; step 10 of 10 is reached\n {2}record and report: /,
    );
    const again = await watch().ended;
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('0 checkpoints measured, 1 were on record');
  });

  it('ends with 1 where nothing was measured, as when a training dies before its first checkpoint', async () => {
    mkdirSync(folder);
    const {code, stdout, stderr} = await watch('--pid', '4194000', '--idle', '0').ended;
    expect(code).toBe(1);
    expect(stdout).toContain('process 4194000 has ended');
    expect(stderr).toContain(`no checkpoint in ${folder}: looked for folders such as checkpoint-100`);
  });

  it('ends with 2 for a file, and for a folder of several trainings', async () => {
    writeFileSync(folder, '');
    expect(await watch().ended).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is a file') as string,
    });
    await rm(folder);
    for (const seed of ['seed-1', 'seed-2']) await writeCheckpoint(join(folder, seed), 10);
    const {code, stderr} = await watch().ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`${join(folder, 'seed-1')} ${join(folder, 'seed-2')}`);
    expect(existsSync(dir)).toBe(false);
  });

  it('waits for another watch of the folder to end, and then goes on in its run', async () => {
    await writeCheckpoint(folder, 10);
    const first = watch('--until', 'marker');
    await first.says(/step 10, .*retention/);
    const second = watch('--until', 'marker', '--json');
    await second.says(/is being written by process \d+: this watch begins when that one ends/);
    await writeCheckpoint(folder, 20);
    await first.says(/step 20, .*retention/);
    finish();
    expect((await first.ended).code).toBe(0);
    const {code, stdout, stderr} = await second.ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{measured: [], known: [10, 20]}]);
    expect(await listRuns(dir)).toHaveLength(1);
  });
});

describe('backfill', () => {
  it('closes its record on Ctrl-C, and does not begin with the next folder', async () => {
    const folders = ['a', 'b'].map(name => join(scratch, name));
    for (const each of folders) await writeCheckpoint(each, 10);
    const backfill = start(
      ['backfill', ...folders, ...options, '--preset', 'stir', '--steps', '100000', '--json'],
      environment,
    );
    while ((await listRuns(dir)).length === 0) await new Promise(resolve => setTimeout(resolve, 50));
    backfill.signal('SIGINT');
    const {code, stdout, stderr} = await backfill.ended;
    expect(code, stderr).toBe(1);
    const results = JSON.parse(stdout) as WatchSummary[];
    expect(results).toMatchObject([{watched: folders[0], measured: [], ended: 'interrupted'}]);
    expect((await readRun(results[0]!.folder)).state).toBe('killed');
    expect(existsSync(join(results[0]!.folder, 'held'))).toBe(false);
  });

  it('ends at once by a second Ctrl-C, with its end on record', async () => {
    await writeCheckpoint(folder, 10);
    const backfill = start(
      ['backfill', folder, ...options, '--preset', 'stir', '--steps', '100000'],
      environment,
    );
    const isHeld = async () => (await listRuns(dir)).some(({folder}) => existsSync(join(folder, 'held')));
    while (!(await isHeld())) await new Promise(resolve => setTimeout(resolve, 50));
    backfill.signal('SIGTERM');
    backfill.signal('SIGINT');
    await backfill.ended;
    const [recorded] = await listRuns(dir);
    expect(recorded).toMatchObject({state: 'killed'});
  });

  it('names folders that failed in --json, and measures the others', async () => {
    await writeCheckpoint(folder, 10);
    const missing = join(scratch, 'missing');
    const {code, stdout} = await run(
      ['backfill', missing, folder, ...options, '--steps', '5', '--json'],
      environment,
    );
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([
      {watched: missing, error: `there is no folder ${missing}; name the training's output folder`},
      {watched: folder, measured: [10]},
    ]);
  });
});

describe('the commands for recorded runs', () => {
  it.each([
    [['list', 'package.json'], 'package.json is a file: name the folder of the runs'],
    [['serve', 'package.json'], 'package.json is a file: name the folder of the runs'],
    [['serve', '.', '--port', '70000'], 'give a whole number from 0 to 65535'],
  ])('end %j with 2', async (args, message) => {
    expect(await run(args)).toMatchObject({code: 2, stderr: expect.stringContaining(message) as string});
  });

  it('compare takes the ids that list prints, and names that only one run has', async () => {
    const folders = ['a', 'b'].map(name => join(scratch, name));
    for (const [i, each] of folders.entries()) await writeCheckpoint(each, 10, {amount: 0.1 + i});
    await run(['backfill', ...folders, ...options, '--steps', '5'], environment);
    const {stdout: listed} = await run(['list', dir, '--json']);
    const ids = (JSON.parse(listed) as {id: string}[]).map(({id}) => id);
    const {code, stdout, stderr} = await run(['compare', ...ids, '--dir', dir, '--json']);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({a: {step: 10}, b: {step: 10}});
    const byName = await run(['compare', 'a', 'b', '--dir', dir, '--json']);
    expect(JSON.parse(byName.stdout)).toMatchObject({a: {name: 'a'}, b: {name: 'b'}});
    expect((await run(['compare', ids[0]!, 'none', '--dir', dir])).stderr).toContain(
      `no run none in ${dir}; there are `,
    );
  });
});
