import {mkdirSync, mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import wandb from '@wandb/sdk';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {openJournal} from '../../../src/journal/index.js';
import {syncRun, wandbTracker, type OwnRun, type WandbTrackerOptions} from '../../../src/tracker/index.js';
import type {RunEvent} from '../../../src/types.js';
import {readState, writeState} from '../../../src/tracker/wandb/delivery/state.js';
import {everyEvent} from '../contract.js';
import {sampleInfo, sampleReading} from '../sample-run.js';
import {quickTiming} from './quick-timing.js';
import {rowsOf} from './stand-in-store.js';
import {StandIn} from './stand-in.js';

let server: StandIn;
let folder: string;
beforeEach(async () => {
  server = await new StandIn({keys: ['secret']}).up();
  folder = join(mkdtempSync(join(tmpdir(), 'own-')), 'run-1');
});
afterEach(() => server.down());

function init(config: Record<string, unknown> = {}) {
  const settings = {baseUrl: server.url, apiKey: 'secret', silent: true};
  return wandb.init({project: 'birds', id: 'mine', config: {lr: {value: 0.1}, ...config}, settings});
}

/** Checkpoint events besides those of every kind. */
let checkpoints: RunEvent[] = [];
afterEach(() => (checkpoints = []));

async function record(
  run: OwnRun,
  {
    steps = [0, 100],
    say = [],
    options = {},
    end = true,
  }: {
    steps?: number[];
    say?: string[];
    options?: WandbTrackerOptions;
    end?: boolean;
  } = {},
): Promise<void> {
  const journal = openJournal(folder);
  const tracker = wandbTracker({
    run,
    timing: {...quickTiming, retryForMs: 500},
    say: line => say.push(line),
    surroundings: {env: {}},
    ...options,
  });
  await journal.start(sampleInfo(), {resumed: false});
  await tracker.start(sampleInfo(), {resumed: false, folder});
  for (const event of [...everyEvent, ...checkpoints]) {
    journal.event(event);
    await tracker.event(event);
  }
  for (const step of steps) {
    journal.reading(sampleReading(step));
    await tracker.reading(sampleReading(step));
  }
  if (end) await tracker.finish('finished');
  journal.finish(end ? 'finished' : 'crashed');
}

describe("in the user's own run of the SDK", () => {
  it("rows stand beside the user's own, with an axis of their own and no step", async () => {
    const run = await init();
    run.log({mine: 1});
    await record(run);
    run.log({mine: 2});
    await run.finish();
    const stored = server.store.only;
    const rows = rowsOf(stored);
    expect(rows.map(row => row.mine).filter(Boolean)).toEqual([1, 2]);
    expect(rows.map(row => row._step)).toEqual(rows.map((_, i) => i));
    const ours = rows.filter(row => 'invariance/row' in row);
    expect(ours.map(row => [row['train/global_step'], row['invariance/row']])).toEqual([
      [10, 0],
      [0, 1],
      [100, 2],
      [100, 3],
    ]);
    expect(ours[1]).toMatchObject({'invariance/retention/block_00': 1, 'train/loss': 2});
    expect(stored.state).toBe('finished');
  });

  it("metrics and config are merged into the user's, in W&B's shape", async () => {
    const run = await init({invariant: true});
    await record(run);
    await run.finish();
    const {config} = server.store.only;
    expect(config.lr).toEqual({value: 0.1});
    expect(config.invariance!.value).toMatchObject({
      fingerprint: 'f1',
      pooling: 'tokens',
      baseline: {seconds: 12},
    });
    const {m} = config._wandb!.value as {m: Record<string, unknown>[]};
    expect(m[0]).toEqual({1: 'train/global_step', 6: [3], 7: []});
    expect(m).toContainEqual({1: 'invariance/retention/block_00', 5: 1, 6: [1, 3], 7: [1, 5]});
  });

  it('tables go up, and the rows name them', async () => {
    const run = await init();
    await record(run);
    await run.finish();
    const row = rowsOf(server.store.only).find(each => 'invariance/retention_matrix_table' in each)!;
    const {path, nrows} = row['invariance/retention_matrix_table'] as {path: string; nrows: number};
    const table = JSON.parse(server.store.blobs.get(`ada/birds/mine/${path}`)!.toString()) as {
      data: unknown[];
    };
    expect(table.data).toHaveLength(nrows);
  });

  it('nothing is opened and nothing is closed', async () => {
    const run = await init();
    await record(run);
    expect(server.store.runs.size).toBe(1);
    expect(server.store.only.state).toBe('running');
    expect(server.store.only.exitcode).toBeNull();
    await run.finish();
  });

  it('rows arrive where tables and config cannot be sent, and one line says so', async () => {
    const run = await init();
    server.fault = seen =>
      seen.kind === 'graphql' && seen.name !== 'Viewer' ? {kind: 'status', status: 500} : null;
    const say: string[] = [];
    await record(run, {say});
    server.fault = () => null;
    await run.finish();
    const rows = rowsOf(server.store.only).filter(row => 'invariance/scored_layers' in row);
    expect(rows.map(row => row['train/global_step'])).toEqual([0, 100]);
    expect(say.some(line => line.includes('could not be'))).toBe(true);
    const count = readState(folder)!.owed.find(owed => owed.kind === 'media')!.files;
    expect(count).toBeGreaterThan(10);
    expect(say.at(-1)).toBe(
      `rows, config and metric definitions, and ${count} tables and pictures may be missing in W&B; ` +
        `once your run has ended: \`wandb-invariance sync ${folder}\``,
    );
    // Tables that waited follow.
    expect(
      await syncRun({folder, apiKey: 'secret', timing: quickTiming, surroundings: {env: {}}}),
    ).toMatchObject({status: 'synced'});
    const {path} = rows[0]!['invariance/retention_matrix_table'] as {path: string};
    expect(server.store.blobs.has(`ada/birds/mine/${path}`)).toBe(true);
    expect(server.store.only.state).toBe('finished');
  });

  it('nothing is said of missing rows where nothing went wrong', async () => {
    const run = await init();
    const say: string[] = [];
    await record(run, {say});
    await run.finish();
    expect(say).toEqual([]);
  });

  it('alerts are raised and checkpoints go up, as in a run of ours', async () => {
    const run = await init();
    const path = join(folder, '..', 'checkpoint-100');
    mkdirSync(path);
    writeFileSync(join(path, 'weights'), 'w');
    checkpoints = [{type: 'checkpoint', time: 1, step: 100, path, aliases: ['latest', 'best']}];
    await record(run, {steps: [0, 500], options: {logModel: 'checkpoint', alerts: {below: 0.7}}});
    await run.finish();
    expect(server.store.alerts.map(({title}) => title)).toContain('low retention in block_00');
    expect(server.store.artifacts).toMatchObject([
      {state: 'COMMITTED', input: {artifactCollectionName: 'model-mine'}},
    ]);
    expect([...server.store.artifacts[0]!.aliases].sort()).toEqual(['best', 'latest', 'step-100']);
    expect(readState(folder)!.alerted).toContain('block_00');
  });

  it.each([
    ['its place was noted at the start', () => {}],
    ['its owner is asked for again', () => writeState(folder, {...readState(folder)!, opened: null})],
  ])('a process that was killed is synced: %s', async (_, before) => {
    const run = await init();
    await record(run, {end: false});
    await expect.poll(() => readState(folder)!.opened).toMatchObject({entity: 'ada', run: 'mine'});
    before();
    const sync = await syncRun({folder, apiKey: 'secret', timing: quickTiming, surroundings: {env: {}}});
    expect(sync).toMatchObject({status: 'synced', url: `${server.url}/ada/birds/runs/mine`});
    expect(server.store.only.state).toBe('failed');
    await run.finish();
  });

  it('notes where the run is, and whose', async () => {
    const run = await init();
    await record(run);
    await run.finish();
    expect(readState(folder)).toMatchObject({
      own: 'sdk',
      opened: {entity: 'ada', project: 'birds', run: 'mine'},
    });
  });
});
