import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import wandb from '@wandb/sdk';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {openJournal} from '../../../../src/journal/index.js';
import {
  syncRun,
  wandbTracker,
  type SyncOptions,
  type WandbTrackerOptions,
} from '../../../../src/tracker/index.js';
import {lockRun} from '../../../../src/tracker/wandb/delivery/lock.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../../sample-run.js';
import {quickTiming} from '../quick-timing.js';
import {rowsOf} from '../stand-in-store.js';
import {StandIn} from '../stand-in.js';

let server: StandIn;
let folder: string;
beforeEach(async () => {
  server = await new StandIn({keys: ['secret']}).up();
  folder = join(mkdtempSync(join(tmpdir(), 'sync-')), 'run-1');
});
afterEach(() => server.down());

const upTo = (count: number) => Array.from({length: count}, (_, i) => i);

/** A run of `rows` logged rows, recorded with a W&B tracker of these options. */
async function recorded(options: WandbTrackerOptions, {rows = 20, end = true} = {}): Promise<void> {
  const journal = openJournal(folder);
  const tracker = wandbTracker({
    timing: quickTiming,
    say: () => {},
    askKey: null,
    surroundings: {env: {}},
    ...options,
  });
  await journal.start(sampleInfo(), {resumed: false});
  await tracker.start(sampleInfo(), {resumed: false, folder});
  const baseline = {type: 'baseline', time: sampleInfo().created, baseline: sampleBaseline()} as const;
  journal.event(baseline);
  await tracker.event(baseline);
  for (const step of upTo(rows)) {
    const event = {
      type: 'logged',
      time: sampleInfo().created + step,
      step,
      epoch: null,
      values: {loss: step},
    } as const;
    journal.event(event);
    await tracker.event(event);
  }
  journal.reading(sampleReading(100));
  await tracker.reading(sampleReading(100));
  if (!end) return;
  journal.event({type: 'ended', time: sampleInfo().created + 1000, state: 'finished'});
  await tracker.finish('finished');
  journal.finish('finished');
}

function sync(options: Partial<SyncOptions> = {}) {
  return syncRun({folder, apiKey: 'secret', timing: quickTiming, surroundings: {env: {}}, ...options});
}

function losses(): unknown[] {
  return rowsOf(server.store.only).flatMap(row => ('loss' in row ? [row.loss] : []));
}

describe('sync', () => {
  it('brings an offline run, twice without harm', async () => {
    await recorded({
      mode: 'offline',
      baseUrl: server.url,
      project: 'birds',
      group: 'g',
      jobType: 'finetune',
      tags: ['vit'],
      notes: 'n',
    });
    for (let i = 0; i < 2; i++) {
      expect(await sync()).toEqual({
        status: 'synced',
        folder,
        rows: 22,
        url: `${server.url}/ada/birds/runs/run-1`,
      });
      expect(losses()).toEqual(upTo(20));
      expect(server.store.only).toMatchObject({
        group: 'g',
        jobType: 'finetune',
        tags: ['vit'],
        notes: 'n',
        state: 'finished',
      });
    }
  });

  it('follows what is said now, but for where a run is that was opened', async () => {
    await recorded({mode: 'offline', baseUrl: server.url, project: 'birds', tags: ['old'], notes: 'old'});
    const env = {
      HOME: '/nowhere',
      WANDB_BASE_URL: server.url,
      WANDB_API_KEY: 'secret',
      WANDB_PROJECT: 'fish',
      WANDB_TAGS: 'new',
    };
    expect(await sync({apiKey: undefined, surroundings: {env}})).toMatchObject({status: 'synced'});
    expect(server.store.only).toMatchObject({project: 'fish', tags: ['new'], notes: 'old'});
    const moved = {...env, WANDB_PROJECT: 'birds'};
    expect(await sync({apiKey: undefined, surroundings: {env: moved}})).toMatchObject({status: 'synced'});
    expect(server.store.only.project).toBe('fish');
  });

  it('brings a run that never had to do with W&B, as the environment says', async () => {
    const journal = openJournal(folder);
    await journal.start(sampleInfo(), {resumed: false});
    journal.reading(sampleReading(0));
    journal.finish('finished');
    const env = {
      WANDB_BASE_URL: `${server.url}/`,
      WANDB_PROJECT: 'birds',
      WANDB_API_KEY: 'secret',
      WANDB_ENTITY: 'team',
      WANDB_RUN_ID: 'of-the-training',
    };
    expect(await sync({apiKey: undefined, surroundings: {env}})).toMatchObject({status: 'synced'});
    expect(server.store.only).toMatchObject({
      entity: 'team',
      project: 'birds',
      name: 'run-1',
      state: 'finished',
    });
  });

  it('brings a run deleted on the server back under another id', async () => {
    await recorded({mode: 'offline', baseUrl: server.url, project: 'birds'});
    server.store.deleted.add('run-1');
    expect(await sync()).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('`wandb-invariance sync RUN --id NEW`'),
    });
    expect(await sync({id: 'run-1b'})).toMatchObject({status: 'synced', rows: 22});
    expect(server.store.only.name).toBe('run-1b');
  });

  it('sends a run that is still being written as far as it goes, and leaves it open', async () => {
    await recorded({mode: 'offline', baseUrl: server.url}, {end: false});
    expect(await sync()).toMatchObject({status: 'synced', rows: 21});
    expect(server.store.only.state).toBe('running');
  });

  it.each([
    [
      'no key',
      {apiKey: undefined, surroundings: {env: {HOME: '/nowhere'}}},
      'run `wandb login --host http://127.0.0.1',
    ],
    ['a wrong key', {apiKey: 'wrong'}, 'refuses the API key'],
  ])('says what to do with %s', async (_, options, message) => {
    await recorded({mode: 'offline', baseUrl: server.url});
    expect(await sync(options)).toMatchObject({status: 'failed', message: expect.stringContaining(message)});
  });

  it('does not step in where another process uploads the run', async () => {
    await recorded({mode: 'offline', baseUrl: server.url});
    const lock = lockRun(folder);
    expect(await sync()).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(
        /process \d+ on .* is uploading it right now; wait for it, or remove .*wandb\.lock/,
      ),
    });
    if (lock.status === 'taken') lock.release();
    expect(await sync()).toMatchObject({status: 'synced'});
  });

  it('fails for a folder that is no run', async () => {
    expect(await sync({folder: '/nowhere'})).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('is no run folder'),
    });
  });
});

describe("sync of a run that was logged into the user's own", () => {
  async function own(beforeFinish: () => void): Promise<void> {
    const settings = {baseUrl: server.url, apiKey: 'secret', silent: true};
    const run = await wandb.init({project: 'birds', id: 'mine', settings});
    run.log({mine: 1});
    await new Promise(resolve => setTimeout(resolve, 100));
    beforeFinish();
    await recorded({run});
    run.log({mine: 2});
    await run.finish();
    server.fault = () => null;
  }

  it('appends what its SDK lost, once', async () => {
    // The SDK loses what it sends while the server has trouble.
    await own(() => {
      server.fault = seen => (seen.kind === 'stream' ? {kind: 'status', status: 400} : null);
    });
    expect(losses()).toEqual([]);
    for (let i = 0; i < 2; i++) {
      expect(await sync()).toMatchObject({status: 'synced', rows: 22});
      expect(losses()).toEqual(upTo(20));
      const rows = rowsOf(server.store.only);
      expect(rows.map(row => row._step)).toEqual(upTo(rows.length));
      expect(server.store.only.state).toBe('finished');
      expect(server.store.only.overwritten).toEqual([]);
    }
  });

  it('sends nothing where nothing was lost', async () => {
    await own(() => {});
    const lines = server.store.only.history.length;
    expect(await sync()).toMatchObject({status: 'synced', rows: 22});
    expect(server.store.only.history).toHaveLength(lines);
    expect(server.requests.at(-1)!.name).toBe('HistoryPage');
  });

  it('stays in that run', async () => {
    await own(() => {});
    expect(await sync({project: 'other'})).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('it stays there'),
    });
  });
});
