import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {openJournal, type Journal} from '../../../../src/journal/index.js';
import {syncRun, wandbTracker} from '../../../../src/tracker/index.js';
import {readState} from '../../../../src/tracker/wandb/delivery/state.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../../sample-run.js';
import {quickTiming} from '../quick-timing.js';
import {rowsOf} from '../stand-in-store.js';
import {StandIn} from '../stand-in.js';

const apiKey = 'secret';
/** A look at the training's run every 50 ms. */
const timing = {...quickTiming, heartbeatMs: 50};
let server: StandIn;
let folder: string;
beforeEach(async () => {
  server = await new StandIn({keys: [apiKey]}).up();
  folder = join(mkdtempSync(join(tmpdir(), 'append-')), 'run-1');
});
afterEach(() => server.down());

/** The training's own client, which counts its lines itself as the official one does. */
function training() {
  let lines = 0;
  const send = async (path: string, body: unknown): Promise<void> => {
    const {status} = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: {authorization: `Basic ${btoa(`api:${apiKey}`)}`},
      body: JSON.stringify(body),
    });
    expect(status).toBe(200);
  };
  const stream = (body: unknown) => send('/files/ada/birds/training/file_stream', body);
  return {
    open: () =>
      send('/graphql', {
        operationName: 'UpsertBucket',
        query: '',
        variables: {
          name: 'training',
          project: 'birds',
          displayName: 'theirs',
          groupName: 'their-group',
          jobType: 'train',
          tags: ['their-tag'],
          notes: 'their notes',
          config: '{"lr": {"value": 0.1}}',
        },
      }),
    async log(count: number) {
      // Steps of its own, far from its lines.
      const content = Array.from({length: count}, (_, i) =>
        JSON.stringify({_step: 10 * (lines + i), theirs: lines + i}),
      );
      const summary = JSON.stringify({theirs: lines + count - 1, 'train/loss': 0.5});
      await stream({
        files: {
          'wandb-history.jsonl': {offset: lines, content},
          'wandb-summary.json': {offset: 0, content: [summary]},
        },
      });
      lines += count;
    },
    end: (exitcode: number) => stream({complete: true, exitcode}),
  };
}

/** A watch beside it, as `watch --wandb-run training` records one. */
async function watching(options: {say?: (line: string) => void} = {}) {
  const journal = openJournal(folder);
  const tracker = wandbTracker({
    appendTo: 'training',
    baseUrl: server.url,
    project: 'birds',
    name: 'ours',
    group: 'our-group',
    jobType: 'invariance',
    tags: ['our-tag'],
    notes: 'our notes',
    apiKey,
    timing,
    askKey: null,
    say: () => {},
    surroundings: {env: {}},
    ...options,
  });
  await journal.start(sampleInfo(), {resumed: false});
  await tracker.start(sampleInfo(), {resumed: false, folder});
  journal.event({type: 'baseline', time: 1, baseline: sampleBaseline()});
  return {journal, tracker};
}

async function end({journal, tracker}: {journal: Journal; tracker: ReturnType<typeof wandbTracker>}) {
  journal.event({type: 'ended', time: sampleInfo().created + 1000, state: 'finished'});
  await tracker.finish('finished');
  journal.finish('finished');
}

/** Nothing of the training's run is another's, and all of it is there. */
function expectTheirs({rows, state, exitcode}: {rows: number; state: string; exitcode: number}): void {
  const run = server.store.only;
  expect(run).toMatchObject({
    displayName: 'theirs',
    group: 'their-group',
    jobType: 'train',
    tags: ['their-tag'],
    notes: 'their notes',
    state,
    exitcode,
    overwritten: [],
  });
  expect(run.config.lr).toEqual({value: 0.1});
  expect(run.summary).toMatchObject({theirs: rows - 1, 'train/loss': 0.5});
  expect(rowsOf(run).flatMap(row => ('theirs' in row ? [row.theirs] : []))).toEqual([...Array(rows).keys()]);
}

/** Our rows by the step of the training, with the number each carries. */
function ours(): unknown[][] {
  return rowsOf(server.store.only).flatMap(row =>
    'invariance/row' in row ? [[row['train/global_step'], row['invariance/row']]] : [],
  );
}

const expected = [
  [0, 0],
  [100, 1],
  [100, 2],
];

describe("rows for a training's own run, written by another client,", () => {
  it('wait while it is running, one line says so, and are appended once it has ended', async () => {
    const client = training();
    await client.open();
    await client.log(3);
    const said: string[] = [];
    const watch = await watching({say: line => said.push(line)});
    watch.journal.reading(sampleReading(0));
    await expect
      .poll(() => said)
      .toContainEqual(
        "W&B's run training is still being written by its own client: rows wait until it has ended",
      );
    watch.journal.reading(sampleReading(100));
    const looks = () => server.requests.filter(({name}) => name === 'RunState').length;
    await expect.poll(looks).toBeGreaterThan(3);
    expect(ours()).toEqual([]);
    await client.log(3);
    await client.end(3);
    await end(watch);
    expectTheirs({rows: 6, state: 'failed', exitcode: 1});
    expect(ours()).toEqual(expected);
    const steps = rowsOf(server.store.only).map(row => row._step);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(server.store.only.config.invariance).toBeDefined();
    expect(server.store.only.summary).toMatchObject({'invariance/scored_layers': {last: 3}});
    expect(said.filter(line => line.includes('rows wait'))).toHaveLength(1);
    expect(readState(folder)).toMatchObject({own: 'elsewhere', opened: {run: 'training'}});
  });

  it('follow the watch that goes on after the training', async () => {
    const client = training();
    await client.open();
    await client.log(2);
    await client.end(0);
    const watch = await watching();
    watch.journal.reading(sampleReading(0));
    await expect.poll(() => ours().length).toBe(1);
    watch.journal.reading(sampleReading(100));
    await expect.poll(() => ours().length).toBe(2);
    await end(watch);
    expect(ours()).toEqual(expected);
    expectTheirs({rows: 2, state: 'finished', exitcode: 0});
  });

  it('arrive in the background where the watch ends first', async () => {
    const client = training();
    await client.open();
    await client.log(2);
    const watch = await watching();
    watch.journal.reading(sampleReading(0));
    watch.journal.reading(sampleReading(100));
    const sync = () => syncRun({folder, apiKey, timing, surroundings: {env: {}}});
    const ending = end(watch);
    await expect.poll(() => server.requests.some(({name}) => name === 'RunState')).toBe(true);
    expect(await sync()).toMatchObject({status: 'failed', message: expect.stringContaining('uploading')});
    await client.log(2);
    await client.end(255);
    await ending;
    expect(ours()).toEqual(expected);
    expectTheirs({rows: 4, state: 'killed', exitcode: 255});
  });

  it('come with sync, which says so where the training still goes on, and twice is harmless', async () => {
    const client = training();
    const journal = openJournal(folder);
    const tracker = wandbTracker({
      appendTo: 'training',
      mode: 'offline',
      baseUrl: server.url,
      project: 'birds',
      surroundings: {env: {}},
    });
    await journal.start(sampleInfo(), {resumed: false});
    await tracker.start(sampleInfo(), {resumed: false, folder});
    for (const step of [0, 100]) journal.reading(sampleReading(step));
    journal.finish('finished');
    const sync = () => syncRun({folder, apiKey, timing, surroundings: {env: {}}});
    expect(await sync()).toMatchObject({message: expect.stringContaining('is not there yet')});
    await client.open();
    await client.log(2);
    expect(await sync()).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(/run training in ada\/birds is still being written .*; sync again/),
    });
    await client.end(0);
    for (let i = 0; i < 2; i++) {
      expect(await sync()).toMatchObject({status: 'synced', rows: 3});
      expect(ours()).toEqual(expected);
      expectTheirs({rows: 2, state: 'finished', exitcode: 0});
    }
  });

  it.each([
    ['took effect', true],
    ['did not', false],
  ])('arrive once where the request that carried them %s', async (_, after) => {
    const client = training();
    await client.open();
    await client.end(0);
    server.faultTimes(2, {kind: 'reset', after}, ({body}) => body.includes('invariance/row'));
    const watch = await watching();
    for (const step of [0, 100]) watch.journal.reading(sampleReading(step));
    await end(watch);
    expect(ours()).toEqual(expected);
    expect(server.store.only).toMatchObject({state: 'finished', exitcode: 0, overwritten: []});
  });
});
