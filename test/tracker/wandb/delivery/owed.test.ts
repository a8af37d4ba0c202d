import {mkdirSync, mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {openJournal, type Journal} from '../../../../src/journal/index.js';
import {syncRun} from '../../../../src/tracker/index.js';
import {deliverRun} from '../../../../src/tracker/wandb/delivery/deliver.js';
import type {DeliveryOptions} from '../../../../src/tracker/wandb/delivery/delivery.js';
import {OwedList, owedText, type Owed} from '../../../../src/tracker/wandb/delivery/owed.js';
import {freshState, readState, writeState} from '../../../../src/tracker/wandb/delivery/state.js';
import {resolveSettings} from '../../../../src/tracker/wandb/settings.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../../sample-run.js';
import {quickTiming} from '../quick-timing.js';
import {rowsOf} from '../stand-in-store.js';
import {StandIn, type Seen} from '../stand-in.js';

let server: StandIn;
let folder: string;
let checkpoint: string;
beforeEach(async () => {
  server = await new StandIn({keys: ['secret']}).up();
  const root = mkdtempSync(join(tmpdir(), 'owed-'));
  folder = join(root, 'run-1');
  checkpoint = join(root, 'checkpoint-100');
  mkdirSync(checkpoint);
  writeFileSync(join(checkpoint, 'weights'), 'w');
});
afterEach(() => server.down());

/** Patience for what goes beside the rows: a hundredth of a second for each second of the real one. */
const timing = {...quickTiming, storageForMs: 60, retryForMs: 20_000};

/** A run that owes one of everything. */
async function recorded({end = true} = {}): Promise<Journal> {
  const journal = openJournal(folder);
  await journal.start(sampleInfo(), {resumed: false});
  journal.event({type: 'baseline', time: 1, baseline: sampleBaseline()});
  journal.event({type: 'logged', time: 2, step: 1, epoch: null, values: {'train/loss': 1}});
  journal.event({type: 'checkpoint', time: 3, step: 100, path: checkpoint, aliases: ['latest']});
  journal.reading(sampleReading(0));
  journal.reading(sampleReading(400));
  if (end) journal.finish('finished');
  const settings = {
    baseUrl: server.url,
    project: 'birds',
    logModel: 'checkpoint',
    alerts: {below: 0.71},
  } as const;
  writeState(folder, freshState(resolveSettings(settings, {env: {}})));
  return journal;
}

function deliver(options: Partial<DeliveryOptions> = {}) {
  return deliverRun({
    folder,
    apiKey: 'secret',
    timing,
    isLive: () => false,
    withoutEnd: 'crashed',
    ...options,
  });
}

function sync() {
  return syncRun({folder, apiKey: 'secret', timing, surroundings: {env: {}}});
}

/** What of the run is at W&B, beside its rows. */
function arrived() {
  const run = server.store.only;
  const {m} = run.config._wandb!.value as {m: Record<number, unknown>[]};
  const {baseline} = run.config.invariance!.value as {baseline?: {seconds: number}};
  const named = rowsOf(run).flatMap(row =>
    Object.values(row).flatMap(value => {
      const {_type, path} = (value ?? {}) as {_type?: string; path?: string};
      return _type === 'table-file' ? [path!] : [];
    }),
  );
  return {
    baseline: baseline?.seconds === 12,
    metrics: m.some(metric => metric[1] === 'train/loss'),
    tables: named.length > 0 && named.every(path => server.store.blobs.has(`ada/birds/run-1/${path}`)),
    told: named.length > 0 && named.every(path => run.uploaded.includes(path)),
    alerts: server.store.alerts.map(({title}) => title).sort(),
    checkpoints: server.store.artifacts.map(({state}) => state),
  };
}

const everything = {
  baseline: true,
  metrics: true,
  tables: true,
  told: true,
  alerts: ['low retention in block_02', 'low retention in norm'],
  checkpoints: ['COMMITTED'],
};

/** The config that a run is given behind its opening. */
const isConfig = ({name, body}: Seen) => name === 'UpsertBucket' && body.includes('"variables":{"id":');

const cases: [what: string, (seen: Seen) => boolean, Partial<typeof everything>, RegExp][] = [
  ['config and metric definitions', isConfig, {baseline: false, metrics: false}, /^config and metric defini/],
  ['alerts', ({name}) => name === 'NotifyScriptableRunAlert', {alerts: []}, /^2 alerts$/],
  [
    'tables and pictures',
    ({kind, name}) => kind === 'file' && name.includes('media'),
    {tables: false, told: false},
    /^\d\d tables and pictures$/,
  ],
  ['checkpoints', ({name}) => name === 'CreateArtifact', {checkpoints: []}, /^1 checkpoint$/],
];

describe('where W&B takes no', () => {
  it.each(cases)('%s for longer than the patience, they stay owed, and sync sends them', async (...each) => {
    const [, matches, lacking, text] = each;
    await recorded();
    server.fault = seen => (matches(seen) ? {kind: 'status', status: 503} : null);
    const {owed} = await deliver();
    // All rows, and all that is not concerned.
    expect(rowsOf(server.store.only)).toHaveLength(4);
    expect(server.store.only.state).toBe('finished');
    expect(arrived()).toEqual({...everything, ...lacking});
    expect(owedText(owed)).toMatch(text);
    expect(readState(folder)!.owed).toEqual(owed);

    expect(await sync()).toEqual({
      status: 'owing',
      folder,
      rows: 4,
      url: `${server.url}/ada/birds/runs/run-1`,
      owed: owedText(owed),
    });
    server.fault = () => null;
    expect(await sync()).toMatchObject({status: 'synced', rows: 4});
    expect(arrived()).toEqual(everything);
    expect(readState(folder)!.owed).toEqual([]);
    expect(server.store.only).toMatchObject({state: 'finished', overwritten: []});

    const before = server.requests.length;
    expect(await sync()).toMatchObject({status: 'synced', rows: 4});
    expect(server.requests.slice(before).map(({name}) => name)).toEqual(['RunResumeStatus']);
  });

  it.each(cases)('%s for a while, they arrive as soon as it does, while the run goes on', async (...each) => {
    const [, matches, lacking] = each;
    const journal = await recorded({end: false});
    let isLive = true;
    server.fault = seen => (matches(seen) ? {kind: 'status', status: 503} : null);
    const said: string[] = [];
    const delivering = deliver({isLive: () => isLive, onNotice: ({message}) => void said.push(message)});
    const there = () => (server.store.runs.size > 0 ? rowsOf(server.store.only).length : 0);
    await expect.poll(there).toBe(3);
    await expect.poll(() => said.length).toBeGreaterThan(0);
    expect(arrived()).toMatchObject(lacking);
    server.fault = () => null;
    await expect.poll(arrived).toEqual(everything);
    journal.finish('finished');
    isLive = false;
    expect((await delivering).owed).toEqual([]);
  });
});

it('nothing of a delivery is under way once it is over: the state of the run may be another one’s then', async () => {
  await recorded();
  const isAlert = ({name}: Seen) => name === 'NotifyScriptableRunAlert';
  const isRows = ({kind}: Seen) => kind === 'stream';
  server.fault = seen =>
    isAlert(seen) ? {kind: 'status', status: 503} : isRows(seen) ? {kind: 'status', status: 403} : null;
  await expect(deliver({timing: {...timing, storageForMs: 5_000}})).rejects.toThrow('may not write');
  const state = {...readState(folder)!, rows: 999};
  writeState(folder, state);
  const before = server.requests.length;
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(server.requests).toHaveLength(before);
  expect(readState(folder)).toEqual(state);
});

it('an alert that W&B refuses is dropped, and said', async () => {
  await recorded();
  server.fault = ({name}) =>
    name === 'NotifyScriptableRunAlert' ? {kind: 'errors', message: 'permission denied'} : null;
  const said: string[] = [];
  const {owed} = await deliver({onNotice: ({message}) => void said.push(message)});
  expect(owed).toEqual([]);
  expect(said.sort()).toEqual([
    expect.stringContaining('the alert on block_02 is dropped: W&B refuses it'),
    expect.stringContaining('the alert on norm is dropped: W&B refuses it'),
  ]);
  expect(await sync()).toMatchObject({status: 'synced', rows: 4});
});

it('half a file of a process that was killed is none that is owed', async () => {
  await recorded();
  const owed = join(folder, 'wandb-owed', 'media', 'table');
  mkdirSync(owed, {recursive: true});
  writeFileSync(join(owed, '.a.table.json.1234abcd.tmp'), '{"col');
  expect((await deliver()).owed).toEqual([]);
  expect([...server.store.blobs.keys()].filter(path => path.includes('.tmp'))).toEqual([]);
});

it('a server that goes away right after the run was opened is owed everything, and sync brings it', async () => {
  await recorded();
  let isOpen = false;
  server.fault = ({name}) => {
    const isAway = isOpen;
    isOpen ||= name === 'UpsertBucket';
    return isAway ? {kind: 'status', status: 503} : null;
  };
  await expect(deliver({timing: {...timing, retryForMs: 150}})).rejects.toThrow('W&B could not be reached');
  const kinds = new Set(readState(folder)!.owed.map(({kind}) => kind));
  expect([...kinds].sort()).toEqual(['alert', 'artifact', 'config', 'media', 'rows']);
  server.fault = () => null;
  expect(await sync()).toMatchObject({status: 'synced', rows: 4});
  expect(arrived()).toEqual(everything);
  expect(readState(folder)!.owed).toEqual([]);
});

it('a run that goes on keeps what its config says, at every moment', async () => {
  await recorded();
  await deliver();
  const journal = openJournal(folder);
  await journal.start(sampleInfo(), {resumed: true});
  journal.event({type: 'resumed', time: 4, step: 400});
  journal.event({type: 'logged', time: 5, step: 401, epoch: null, values: {'train/accuracy': 1}});
  journal.finish('finished');
  const before = server.requests.length;
  await deliver();
  const configs = server.requests
    .slice(before)
    .filter(({name}) => name === 'UpsertBucket')
    .map(({body}) => (JSON.parse(body.toString()) as {variables: {config?: string}}).variables.config);
  expect(configs).toHaveLength(2);
  expect(configs.filter(config => config !== undefined)).toEqual([
    expect.stringMatching(/"baseline".*train\/accuracy/),
  ]);
});

it('rows do not wait for a table that hangs', async () => {
  const journal = await recorded({end: false});
  server.fault = ({kind}) => (kind === 'file' ? {kind: 'hang'} : null);
  let isLive = true;
  const delivering = deliver({isLive: () => isLive, timing: {...timing, requestMs: 60_000}});
  const there = () => (server.store.runs.size > 0 ? rowsOf(server.store.only).length : 0);
  await expect.poll(there).toBe(3);
  await expect.poll(() => server.requests.some(({kind}) => kind === 'file')).toBe(true);
  journal.event({type: 'logged', time: 5, step: 500, epoch: null, values: {'train/loss': 1}});
  await expect.poll(there).toBe(4);
  expect(arrived().tables).toBe(false);
  server.fault = () => null;
  // What hangs is cut off, and asked for again.
  await server.down();
  await server.up();
  journal.finish('finished');
  isLive = false;
  await delivering;
  expect(arrived()).toEqual(everything);
});

describe('a wandb.json of before there was a list', () => {
  /** As 0.1.0 left it of a run whose config and two tables were lost on the way. */
  async function asBefore({completed}: {completed: number | null}): Promise<void> {
    await recorded();
    server.fault = ({kind, ...seen}) =>
      kind === 'file' || isConfig({kind, ...seen}) ? {kind: 'status', status: 503} : null;
    await deliver();
    server.fault = () => null;
    const {owed, configured, ...rest} = readState(folder)!;
    expect([owed.length, configured]).toEqual([3, -1]);
    const owedFiles = owed.flatMap(each =>
      each.kind === 'media' ? Array.from({length: each.files}, () => 'a') : [],
    );
    const owedModels = owed.flatMap(each => (each.kind === 'artifact' ? [each.checkpoint] : []));
    writeFileSync(join(folder, 'wandb.json'), JSON.stringify({...rest, completed, owedFiles, owedModels}));
  }

  it.each([
    ['a run that had ended', 6],
    ['one that had not', null],
  ])('of %s is read, and what it did not know of is owed', async (_, completed) => {
    await asBefore({completed});
    const kinds = readState(folder)!.owed.map(({kind}) => kind);
    expect(kinds).toEqual([...(completed === null ? ['rows'] : []), 'config', 'media', 'artifact']);
    expect(await sync()).toMatchObject({status: 'synced', rows: 4});
    expect(arrived()).toEqual(everything);
    expect(readState(folder)!.owed).toEqual([]);
    expect(readFileSync(join(folder, 'wandb.json'), 'utf8')).not.toContain('owedFiles');
    expect(server.store.only).toMatchObject({state: 'finished', overwritten: []});
  });
});

describe('the list of what is owed', () => {
  it('is written when something comes or goes, and holds each thing once', () => {
    let saved = 0;
    const state = {owed: [] as Owed[]};
    const list = new OwedList(state, () => void saved++);
    list.add({kind: 'media', files: 1});
    list.add({kind: 'media', files: 2});
    list.add({kind: 'alert', layer: 'a', title: '', text: ''});
    list.add({kind: 'alert', layer: 'b', title: '', text: ''});
    list.add({kind: 'artifact', checkpoint: 'a'});
    expect(state.owed).toHaveLength(4);
    expect(list.of('media')).toEqual([{kind: 'media', files: 2}]);
    expect(saved).toBe(4);
    list.settle({kind: 'alert', layer: 'a', title: '', text: ''});
    list.settle({kind: 'config'});
    expect(list.of('alert').map(({layer}) => layer)).toEqual(['b']);
    expect(saved).toBe(5);
  });

  it('reads as a sentence', () => {
    expect(owedText([])).toBe('');
    expect(owedText([{kind: 'media', files: 1}])).toBe('1 table or picture');
    expect(
      owedText([
        {kind: 'rows'},
        {kind: 'media', files: 12},
        {kind: 'artifact', checkpoint: 'a'},
        {kind: 'artifact', checkpoint: 'b'},
        {kind: 'config'},
      ]),
    ).toBe('rows, config and metric definitions, 12 tables and pictures, and 2 checkpoints');
  });
});
