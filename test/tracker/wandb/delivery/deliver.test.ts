import fs, {existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {syncBuiltinESMExports} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {openJournal, type Journal} from '../../../../src/journal/index.js';
import {scalarsOf} from '../../../../src/tracker/index.js';
import {resolveSettings, type WandbOptions} from '../../../../src/tracker/wandb/settings.js';
import {freshState, readState, writeState} from '../../../../src/tracker/wandb/delivery/state.js';
import {deliverRun} from '../../../../src/tracker/wandb/delivery/deliver.js';
import type {DeliveryOptions} from '../../../../src/tracker/wandb/delivery/delivery.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../../sample-run.js';
import {quickTiming} from '../quick-timing.js';
import {rowsOf} from '../stand-in-store.js';
import {StandIn, type Fault, type Seen} from '../stand-in.js';

let server: StandIn;
let folder: string;
beforeEach(async () => {
  server = await new StandIn({keys: ['secret']}).up();
  folder = join(mkdtempSync(join(tmpdir(), 'upload-')), 'run-1');
});
afterEach(() => server.down());

async function journal({
  rows = 10,
  end = true,
  readings = [0, 100],
}: {rows?: number; end?: boolean; readings?: number[]} = {}): Promise<Journal> {
  const record = openJournal(folder);
  await record.start(sampleInfo(), {resumed: false});
  record.event({type: 'baseline', time: sampleInfo().created, baseline: sampleBaseline()});
  for (const step of readings) record.reading(sampleReading(step));
  log(record, 0, rows);
  if (end) record.finish('finished');
  return record;
}

function log(record: Journal, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    record.event({
      type: 'logged',
      time: sampleInfo().created + step,
      step,
      epoch: null,
      values: {'train/loss': 1 / (step + 1)},
    });
  }
}

function configure(options: WandbOptions = {}): void {
  writeState(
    folder,
    freshState(resolveSettings({baseUrl: server.url, project: 'birds', ...options}, {env: {}})),
  );
}

function upload(options: Partial<DeliveryOptions> = {}) {
  return deliverRun({
    folder,
    apiKey: 'secret',
    timing: quickTiming,
    isLive: () => false,
    withoutEnd: 'crashed',
    ...options,
  });
}

/** Steps of the training's rows, in the order the server holds them. */
function steps(): number[] {
  return rowsOf(server.store.only).flatMap(row =>
    'train/loss' in row && !('invariance/retention' in row) ? [row['train/global_step'] as number] : [],
  );
}

const upTo = (count: number) => Array.from({length: count}, (_, i) => i);

describe('an upload', () => {
  it('brings every row once, in order, and ends the run', async () => {
    await journal({rows: 50});
    configure();
    const {rows, url} = await upload();
    const run = server.store.only;
    // two readings, fifty logged, one with the tables of the whole run at the end
    expect(rows).toBe(53);
    expect(run.history).toHaveLength(53);
    expect(rowsOf(run).map(row => row._step)).toEqual(upTo(53));
    expect(steps()).toEqual(upTo(50));
    expect(run.state).toBe('finished');
    expect(run.overwritten).toEqual([]);
    expect(url).toBe(`${server.url}/ada/birds/runs/run-1`);
  });

  it('is harmless a second time', async () => {
    await journal();
    configure();
    await upload();
    const before = [...server.store.only.history];
    const requests = server.requests.length;
    await upload();
    expect(server.store.only.history).toEqual(before);
    expect(server.store.only.state).toBe('finished');
    expect(server.requests.slice(requests).map(({name}) => name)).toEqual(['RunResumeStatus']);
  });

  it('goes on where the server stands when a run is resumed', async () => {
    const first = await journal({rows: 5, end: false});
    configure();
    first.finish('killed');
    await upload();
    expect(server.store.only.state).toBe('killed');
    const second = openJournal(folder);
    await second.start(sampleInfo(), {resumed: true});
    // The checkpoint was of step 3: the training goes over 3 and 4 again.
    second.event({type: 'resumed', time: Date.now(), step: 2});
    log(second, 3, 9);
    second.finish('finished');
    await upload();
    expect(steps()).toEqual(upTo(9));
    expect(rowsOf(server.store.only).map(row => row._step)).toEqual(upTo(server.store.only.history.length));
    expect(server.store.only.state).toBe('finished');
    expect(server.store.only.overwritten).toEqual([]);
  });

  it('ends the run also where the first words of its end are refused', async () => {
    await journal();
    configure();
    server.faultTimes(
      2,
      {kind: 'status', status: 409},
      ({kind, body}) => kind === 'stream' && body.includes('"complete"'),
    );
    await upload();
    expect(server.store.only.state).toBe('finished');
    await upload();
    expect(server.store.only.overwritten).toEqual([]);
  });

  it('takes old checkpoints newest first, also when it is interrupted, and the summary is that of the last step', async () => {
    const first = await journal({rows: 0, readings: [300, 200], end: false});
    configure();
    first.finish('killed');
    await upload();
    const second = openJournal(folder);
    await second.start(sampleInfo(), {resumed: true});
    second.event({type: 'resumed', time: Date.now(), step: 300});
    for (const step of [200, 100]) second.reading(sampleReading(step));
    second.finish('finished');
    await upload();
    const run = server.store.only;
    const read = rowsOf(run).filter(row => 'invariance/scored_layers' in row);
    expect(read.map(row => row['train/global_step'])).toEqual([300, 200, 100]);
    const last = scalarsOf(sampleReading(300), sampleBaseline())['invariance/retention'];
    expect(run.summary['invariance/retention']).toEqual({min: last, last});
    expect(run.summary['train/global_step']).toBe(300);
    expect(run.summary._step).toBe(run.history.length - 1);
  });

  it('follows a journal that grows, and leaves the run open where nobody knows its end', async () => {
    const record = await journal({rows: 3, end: false});
    configure();
    let live = true;
    const uploading = upload({isLive: () => live, withoutEnd: 'leave open'});
    await expect.poll(() => server.store.runs.size && steps().length).toBe(3);
    log(record, 3, 7);
    await expect.poll(() => steps().length).toBe(7);
    live = false;
    await uploading;
    expect(steps()).toEqual(upTo(7));
    expect(server.store.only.state).toBe('running');
  });

  it('marks a run whose process died as failed', async () => {
    await journal({end: false});
    configure();
    await upload();
    expect(server.store.only).toMatchObject({state: 'failed', exitcode: 1});
  });

  it('appends to a run that others wrote before, once they have ended it, and counts from there', async () => {
    const api = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {authorization: `Basic ${btoa('api:secret')}`},
      body: JSON.stringify({
        query: 'mutation UpsertBucket',
        variables: {name: 'shared', project: 'birds', config: '{"theirs": {"value": 1}}'},
      }),
    });
    expect(api.status).toBe(200);
    server.store.only.history.push('{"_step":0,"x":1}', '{"_step":1,"x":2}');
    await journal({rows: 4});
    configure({id: 'shared'});
    await expect(upload()).rejects.toThrow(
      "W&B's run shared is being written by another client, and two would overwrite each other: name another id",
    );
    expect(server.store.only.history).toHaveLength(2);
    server.store.only.state = 'finished';
    await upload();
    const run = server.store.only;
    expect(
      rowsOf(run)
        .slice(0, 3)
        .map(row => row._step),
    ).toEqual([0, 1, 2]);
    expect(run.overwritten).toEqual([]);
    expect(run.history).toHaveLength(2 + 2 + 4 + 1);
    expect(run.config.theirs).toEqual({value: 1});
    expect(run.config.invariance).toBeDefined();
  });
});

describe('an upload whose wandb.json is lost', () => {
  it.each([
    ['a run of its own', []],
    ['a run that others wrote before', ['{"_step":0,"x":1}', '{"_step":1,"x":2}']],
  ])('knows its rows in %s again', async (_, lines) => {
    await journal();
    configure({id: 'shared'});
    await upload();
    const run = server.store.only;
    if (lines.length > 0) {
      // As if these had been there first.
      server.store.runs.clear();
      server.store.runs.set('ada/birds/shared', Object.assign(run, {history: lines, config: {}}));
      configure({id: 'shared'});
      await upload();
    }
    const before = [...run.history];
    configure({id: 'shared'});
    await upload();
    expect(run.history).toEqual(before);
    expect(run.overwritten).toEqual([]);
    expect(steps()).toEqual(upTo(10));
  });

  it('takes another recording under the same id for another', async () => {
    await journal();
    configure();
    await upload();
    rmSync(folder, {recursive: true});
    const record = openJournal(folder);
    await record.start({...sampleInfo(), created: sampleInfo().created + 1}, {resumed: false});
    log(record, 0, 3);
    record.finish('finished');
    configure();
    await upload();
    expect(steps()).toEqual([...upTo(10), ...upTo(3)]);
  });
});

describe('the upload of a run that is resumed', () => {
  /** Ended, uploaded, and opened again by a training that has not written yet. */
  async function reopened(): Promise<Journal> {
    await journal({rows: 5});
    configure();
    await upload();
    const record = openJournal(folder);
    await record.start(sampleInfo(), {resumed: true});
    return record;
  }

  it('does not take the end of the process before for its own', async () => {
    const record = await reopened();
    const before = server.requests.length;
    const uploading = upload({isLive: () => true});
    // A sign of life: it has read what there is, and follows.
    await expect
      .poll(() => server.requests.slice(before).some(({body}) => body.toString() === '{}'))
      .toBe(true);
    record.event({type: 'resumed', time: Date.now(), step: 4});
    log(record, 5, 9);
    await expect.poll(() => steps().length).toBe(9);
    record.finish('finished');
    await uploading;
    expect(steps()).toEqual(upTo(9));
    expect(server.store.only.state).toBe('finished');
  });

  it('does not end it where another process goes on with it', async () => {
    const record = await journal({rows: 5, end: false});
    configure();
    // The uploader of a process that was killed; this one writes the run now.
    await upload({writer: 2 ** 22 + 1});
    expect(server.store.only.state).toBe('running');
    await upload({writer: process.pid});
    expect(server.store.only).toMatchObject({state: 'failed', exitcode: 1});
    record.finish('finished');
  });

  it('leaves the name, notes and tags that it was given in its page', async () => {
    const record = await reopened();
    Object.assign(server.store.only, {displayName: 'renamed', notes: 'noted', tags: ['tagged']});
    record.event({type: 'baseline', time: 1, baseline: sampleBaseline()});
    record.finish('finished');
    await upload();
    expect(server.store.only).toMatchObject({displayName: 'renamed', notes: 'noted', tags: ['tagged']});
  });
});

describe('an upload whose disk is full', () => {
  it('goes on, and says so once', async () => {
    await journal();
    configure();
    const {renameSync} = fs;
    fs.renameSync = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, rename'), {code: 'ENOSPC'});
    };
    syncBuiltinESMExports();
    const said: string[] = [];
    try {
      await upload({onNotice: ({message}) => said.push(message)});
    } finally {
      fs.renameSync = renameSync;
      syncBuiltinESMExports();
    }
    expect(steps()).toEqual(upTo(10));
    expect(said).toEqual([expect.stringMatching(/cannot write .*wandb\.json: .*; the upload goes on/)]);
  });
});

describe('an upload survives', () => {
  const faults: [string, Fault, number][] = [
    ['connections cut before anything took effect', {kind: 'reset', after: false}, 5],
    ['connections cut after all took effect', {kind: 'reset', after: true}, 5],
    ['half an answer', {kind: 'half'}, 5],
    ['HTTP 500', {kind: 'status', status: 500}, 5],
    ['HTTP 429 with Retry-After', {kind: 'status', status: 429, retryAfter: '0.02'}, 5],
    ['GraphQL errors with status 200', {kind: 'errors', message: 'internal error'}, 5],
    ['hanging', {kind: 'hang'}, 2],
    ['slowness', {kind: 'slow', ms: 60}, 5],
    ['an offset refused', {kind: 'status', status: 400, body: 'wrong offset'}, 1],
  ];
  it.each(faults)('%s, in any request', async (_, fault, times) => {
    await journal({rows: 30});
    for (const kind of ['graphql', 'stream', 'file'] as const) {
      if (fault.kind === 'errors' && kind !== 'graphql') continue;
      if (fault.kind === 'status' && fault.status === 400 && kind !== 'stream') continue;
      server.store.runs.clear();
      configure();
      server.faultTimes(times, fault, seen => seen.kind === kind);
      await upload();
      expect(steps()).toEqual(upTo(30));
      expect(server.store.only.history).toHaveLength(33);
      expect(server.store.only.overwritten).toEqual([]);
      expect(server.store.only.state).toBe('finished');
    }
  });

  it('a server that is away for a while and comes back with what it had', async () => {
    const record = await journal({rows: 10, end: false});
    configure();
    const notices: string[] = [];
    const uploading = upload({isLive: () => true, onNotice: ({message}) => notices.push(message)});
    await expect.poll(() => server.store.runs.size && steps().length).toBe(10);
    await server.down();
    log(record, 10, 40);
    await new Promise(resolve => setTimeout(resolve, 100));
    await server.up();
    record.finish('finished');
    await uploading;
    expect(steps()).toEqual(upTo(40));
    expect(notices).toEqual([expect.stringContaining('rows wait in the journal'), 'W&B answers again']);
  });

  it('a server that lost its last lines', async () => {
    const record = await journal({rows: 20, end: false});
    configure();
    const uploading = upload({isLive: () => true});
    await expect.poll(() => server.store.runs.size && steps().length).toBe(20);
    server.faultTimes(1, {kind: 'forget', lines: 7}, seen => seen.kind === 'stream' && seen.bytes > 100);
    log(record, 20, 30);
    record.finish('finished');
    await uploading;
    expect(steps()).toEqual(upTo(30));
  });

  it('a server that lost lines after the last row was sent', async () => {
    await journal({rows: 20});
    configure();
    server.faultTimes(1, {kind: 'forget', lines: 7}, seen => seen.body.includes('"complete":true'));
    await upload();
    expect(steps()).toEqual(upTo(20));
    expect(server.store.only.state).toBe('finished');
  });
});

describe('an upload stops with a clear message and keeps the journal', () => {
  it('where the key is refused', async () => {
    await journal();
    configure();
    await expect(upload({apiKey: 'wrong'})).rejects.toMatchObject({
      code: 'tracker_failed',
      message: expect.stringContaining('refuses the API key'),
    });
    expect(readState(folder)!.problem).toContain('refuses the API key');
    await upload();
    expect(steps()).toEqual(upTo(10));
    expect(readState(folder)!.problem).toBeNull();
  });

  it('where the key may not write to the project', async () => {
    await journal();
    configure();
    server.fault = () => ({kind: 'status', status: 403});
    await expect(upload()).rejects.toThrow('may not write to the project');
  });

  it('where the run was deleted while it was running', async () => {
    const record = await journal({end: false});
    configure();
    const uploading = upload({isLive: () => true});
    await expect.poll(() => server.store.runs.size && steps().length).toBe(10);
    server.store.runs.clear();
    log(record, 10, 20);
    await expect(uploading).rejects.toThrow(
      /was deleted on the server .*`wandb-invariance sync RUN --id NEW`/,
    );
    expect((await record.readBack()).events.filter(({type}) => type === 'logged')).toHaveLength(20);
  });

  it('where a run of this id was deleted before', async () => {
    await journal();
    configure();
    server.store.deleted.add('run-1');
    await expect(upload()).rejects.toThrow(
      /was deleted on the server .*`wandb-invariance sync RUN --id NEW`/,
    );
  });

  it('where the server stays away for longer than the patience lasts', async () => {
    await journal();
    configure();
    await server.down();
    await expect(upload({timing: {...quickTiming, retryForMs: 100}})).rejects.toThrow(
      /could not be reached: .*sync/,
    );
  });

  it.each([
    ['must', 'has no run'],
    ['never', 'has a run'],
  ] as const)('where resume is "%s" and W&B %s of the id', async (resume, message) => {
    await journal();
    if (resume === 'never') {
      configure();
      await upload();
    }
    configure({resume});
    await expect(upload()).rejects.toThrow(message);
  });
});

describe('an upload is patient', () => {
  const brief = {...quickTiming, retryForMs: 300};

  it.each([
    ['stream', (seen: Seen) => seen.kind === 'stream', {kind: 'status', status: 500} as const],
    [
      'stream, which takes what it does not keep',
      (seen: Seen) => seen.kind === 'stream' && seen.body.includes('history'),
      {kind: 'swallow'} as const,
    ],
  ])('for so long with the %s, though W&B answers everything else', async (_, matches, fault) => {
    await journal();
    configure();
    server.fault = seen => (matches(seen) ? fault : null);
    await expect(upload({timing: brief})).rejects.toThrow('W&B could not be reached');
    server.fault = () => null;
    await upload();
    expect(steps()).toEqual(upTo(10));
  });

  it('not with a row that is refused at its right place, alone, again and again, and names it', async () => {
    await journal({readings: []});
    configure();
    server.fault = seen =>
      seen.body.includes('"train/loss\\":0.25') ? {kind: 'status', status: 400, body: 'bad row'} : null;
    await expect(upload()).rejects.toThrow(
      /W&B refuses row 3 of the run, \{"train\/loss":0\.25,.*\(HTTP 400: bad row\)/,
    );
    expect(steps()).toEqual([0, 1, 2]);
    server.fault = () => null;
    await upload();
    expect(steps()).toEqual(upTo(10));
    expect(server.store.only.overwritten).toEqual([]);
  });
});

describe('where storage has trouble', () => {
  /** Tables and pictures that rows name, and which of them are stored. */
  function media(): {named: string[]; stored: string[]} {
    const named = rowsOf(server.store.only).flatMap(row =>
      Object.values(row).flatMap(value => {
        const {_type, path} = (value ?? {}) as {_type?: string; path?: string};
        return _type === 'table-file' ? [path!] : [];
      }),
    );
    const stored = named.filter(path => server.store.blobs.has(`ada/birds/run-1/${path}`));
    return {named, stored};
  }

  it('URLs that expired are asked for again', async () => {
    await journal();
    configure();
    const expired = '<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>';
    server.faultTimes(3, {kind: 'status', status: 403, body: expired}, seen => seen.kind === 'file');
    const said: string[] = [];
    await upload({onNotice: ({message}) => said.push(message)});
    const {named, stored} = media();
    expect(stored).toEqual(named);
    // Rows waited for them.
    expect(said).toEqual([]);
    expect(server.requests.filter(({name}) => name === 'CreateRunFiles').length).toBeGreaterThan(1);
  });

  it.each([
    ['refuses', {kind: 'status', status: 403} as const],
    ['fails', {kind: 'status', status: 503} as const],
  ])('that %s, rows go on, and tables follow with later rows', async (_, fault) => {
    const record = await journal({end: false});
    configure();
    let live = true;
    server.fault = seen => (seen.kind === 'file' ? fault : null);
    const uploading = upload({isLive: () => live, timing: {...quickTiming, storageForMs: 50}});
    await expect.poll(() => server.store.runs.size && steps().length).toBe(10);
    expect(media().stored).toEqual([]);
    // Written right after the server took the rows.
    const owedFiles = {kind: 'media', files: media().named.length};
    await expect.poll(() => readState(folder)!.owed).toContainEqual(owedFiles);
    server.fault = () => null;
    await new Promise(resolve => setTimeout(resolve, quickTiming.retryMaxMs));
    record.reading(sampleReading(300));
    const isThere = () =>
      rowsOf(server.store.only).some(row => row['train/global_step'] === 300) &&
      media().stored.length === media().named.length;
    await expect.poll(isThere).toBe(true);
    record.finish('finished');
    live = false;
    await uploading;
    const {named, stored} = media();
    expect(stored).toEqual(named);
    expect(new Set(server.store.only.uploaded)).toEqual(new Set(named));
    expect(existsSync(join(folder, 'wandb-owed'))).toBe(false);
  });

  it('that lasts, the run ends with all its rows, and its tables come with the next sync', async () => {
    await journal();
    configure();
    server.fault = seen => (seen.kind === 'file' ? {kind: 'status', status: 503} : null);
    const said: string[] = [];
    const timing = {...quickTiming, storageForMs: 50};
    const {owed} = await upload({timing, onNotice: ({message}) => said.push(message)});
    expect(server.store.only.state).toBe('finished');
    expect(steps()).toEqual(upTo(10));
    expect(said).toEqual([expect.stringContaining("W&B's storage takes no tables and pictures (HTTP 503)")]);
    expect(owed).toEqual([{kind: 'media', files: media().named.length}]);
    expect(readState(folder)!.owed).toEqual(owed);
    server.fault = () => null;
    expect((await upload({timing})).owed).toEqual([]);
    const {named, stored} = media();
    expect(stored).toEqual(named);
    expect(server.store.only.state).toBe('finished');
    expect(server.store.only.overwritten).toEqual([]);
  });

  it('with a checkpoint, rows and signs of life go on', async () => {
    const record = await journal({end: false});
    configure({logModel: 'checkpoint'});
    const checkpoint = join(folder, 'checkpoint');
    mkdirSync(checkpoint);
    writeFileSync(join(checkpoint, 'weights'), 'w');
    let live = true;
    server.fault = seen => (seen.name.startsWith('artifacts/') ? {kind: 'hang'} : null);
    const timing = {...quickTiming, requestMs: 60_000, heartbeatMs: 20};
    const uploading = upload({isLive: () => live, timing});
    record.event({type: 'checkpoint', time: 1, step: 10, path: checkpoint, aliases: ['latest']});
    await expect.poll(() => server.requests.some(({name}) => name.startsWith('artifacts/'))).toBe(true);
    const before = server.requests.length;
    log(record, 10, 20);
    await expect.poll(() => steps().length).toBe(20);
    await expect
      .poll(() => server.requests.slice(before).filter(({body}) => body.toString() === '{}').length)
      .toBeGreaterThan(2);
    server.fault = () => null;
    record.finish('finished');
    live = false;
    // What hangs is cut off, and asked for again.
    await server.down();
    await server.up();
    await uploading;
    expect(server.store.artifacts).toMatchObject([{state: 'COMMITTED'}]);
    expect(server.store.only.state).toBe('finished');
  });
});

describe('an upload whose run folder is deleted ends', () => {
  it.each([
    ['while it waits for more rows', false],
    ['while the server is away', true],
  ])('%s', async (_, away) => {
    const record = await journal({end: false});
    configure();
    const uploading = upload({isLive: () => true});
    const ended = expect(uploading).rejects.toThrow(`${folder} was deleted; its upload ends`);
    while (server.requests.length === 0) await new Promise(resolve => setTimeout(resolve, 5));
    if (away) await server.down();
    rmSync(folder, {recursive: true, force: true, maxRetries: 5});
    await ended;
    record.finish('finished');
  });
});

describe('requests', () => {
  it('wait as long as Retry-After says', async () => {
    await journal();
    configure();
    const slept: number[] = [];
    server.faultTimes(1, {kind: 'status', status: 429, retryAfter: '7'}, seen => seen.kind === 'stream');
    await upload({sleep: async ms => void slept.push(ms)});
    expect(slept).toContain(7000);
  });

  it.each([
    ['rows', 'x'.repeat(100)],
    ['rows and summary together', 'x'.repeat(200)],
    ['rows in bytes', '層'.repeat(60)],
  ])(
    'stay under 10 MiB whatever the %s weigh, and a row too large for a line becomes several',
    async (_, name) => {
      const record = await journal({rows: 0, end: false, readings: []});
      const wide = Object.fromEntries(Array.from({length: 40_000}, (_, i) => [`layer/${name}/${i}`, i]));
      for (let step = 0; step < 3; step++)
        record.event({type: 'logged', time: Date.now(), step, epoch: null, values: wide});
      record.finish('finished');
      configure();
      await upload({timing: {...quickTiming, requestMs: 20_000}});
      expect(Math.max(...server.requests.map(({bytes}) => bytes))).toBeLessThan(10 * 1024 * 1024);
      const rows = rowsOf(server.store.only);
      expect(rows.length).toBeGreaterThan(3);
      for (let step = 0; step < 3; step++) {
        const parts = rows.filter(row => row['train/global_step'] === step);
        expect(parts.length).toBeGreaterThan(1);
        const joined = Object.assign({}, ...parts) as Record<string, number>;
        expect(Object.keys(wide).every(key => joined[key] === wide[key])).toBe(true);
      }
    },
  );
});
