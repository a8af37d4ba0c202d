import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {openJournal} from '../../../src/journal/index.js';
import {syncRun, wandbTracker, type Tracker, type WandbTrackerOptions} from '../../../src/tracker/index.js';
import {lockRun} from '../../../src/tracker/wandb/delivery/lock.js';
import {readState} from '../../../src/tracker/wandb/delivery/state.js';
import {everyEvent, testTracker, type Recorded} from '../contract.js';
import {sampleInfo, sampleReading} from '../sample-run.js';
import {quickTiming} from './quick-timing.js';
import {rowsOf} from './stand-in-store.js';
import {StandIn} from './stand-in.js';

const apiKey = 'k3y-k3y-k3y-k3y';
const timing = {...quickTiming, requestMs: 2000};
let server: StandIn;
let folder: string;
beforeEach(async () => {
  server = await new StandIn({keys: [apiKey]}).up();
  folder = join(mkdtempSync(join(tmpdir(), 'wandb-')), 'run-1');
});
afterEach(() => server.down());

/** The W&B tracker behind its journal, as the dispatcher calls the two. */
function withJournal(options: WandbTrackerOptions = {}): (folder: string) => Tracker {
  return at => {
    const journal = openJournal(at);
    const tracker = wandbTracker({
      baseUrl: server.url,
      apiKey,
      timing,
      surroundings: {env: {}},
      say: () => {},
      askKey: null,
      ...options,
    });
    return {
      name: 'wandb',
      async start(info, {resumed}) {
        await journal.start(info, {resumed});
        await tracker.start(info, {resumed, folder: at});
      },
      async event(event) {
        journal.event(event);
        await tracker.event(event);
      },
      async reading(reading) {
        journal.reading(reading);
        await tracker.reading(reading);
      },
      async finish(state) {
        journal.event({type: 'ended', time: sampleInfo().created, state});
        await tracker.finish(state);
        journal.finish(state);
      },
    };
  };
}

const states = {finished: 'finished', failed: 'crashed', killed: 'killed', running: 'running'} as const;

function storedRun(): Recorded {
  const run = server.store.only;
  const readings = rowsOf(run).filter(row => 'invariance/scored_layers' in row);
  const invariance = run.config.invariance!.value as {baseline?: {seconds: number}};
  return {
    steps: readings.map(row => row['train/global_step'] as number),
    retention: readings.map(row => (row['invariance/retention'] ?? null) as number | null),
    baselineSeconds: invariance.baseline?.seconds ?? null,
    state: states[run.state],
  };
}

testTracker({
  name: 'wandb, through its uploading process,',
  open: at => withJournal()(at),
  recorded: storedRun,
});

testTracker({
  name: 'wandb, offline and synced afterwards,',
  open: at => withJournal({mode: 'offline'})(at),
  async recorded(at) {
    await syncRun({folder: at, apiKey, timing, surroundings: {env: {}}});
    return storedRun();
  },
});

async function runOnce(tracker: Tracker): Promise<void> {
  await tracker.start(sampleInfo(), {resumed: false, folder});
  for (const event of everyEvent) await tracker.event(event);
  await tracker.reading(sampleReading(0));
  await tracker.finish('finished');
}

describe('the W&B tracker', () => {
  it('speaks to nobody offline, and notes how the run is to be uploaded', async () => {
    await runOnce(withJournal({mode: 'offline', project: 'birds', group: 'g'})(folder));
    expect(server.requests).toEqual([]);
    expect(readState(folder)).toMatchObject({
      settings: {mode: 'offline', project: 'birds', group: 'g', id: 'run-1'},
    });
  });

  it('does nothing at all when disabled', async () => {
    await runOnce(withJournal({surroundings: {env: {WANDB_DISABLED: 'true'}}})(folder));
    expect(server.requests).toEqual([]);
    expect(readState(folder)).toBeNull();
  });

  it('is offline without a key and without a terminal, and says so in one line', async () => {
    const said: string[] = [];
    await runOnce(
      withJournal({apiKey: undefined, surroundings: {env: {HOME: '/nowhere'}}, say: line => said.push(line)})(
        folder,
      ),
    );
    expect(said).toEqual([
      `no W&B API key for ${new URL(server.url).host}: offline; set WANDB_API_KEY, ` +
        `then run \`wandb-invariance sync ${folder}\``,
    ]);
    expect(readState(folder)!.settings.mode).toBe('offline');
  });

  it('asks for a key on a terminal', async () => {
    const asked: string[] = [];
    const askKey = (url: string) => (asked.push(url), {answer: Promise.resolve(apiKey), cancel() {}});
    await runOnce(withJournal({apiKey: undefined, surroundings: {env: {HOME: '/nowhere'}}, askKey})(folder));
    expect(asked).toEqual([server.url]);
    expect(server.store.only.state).toBe('finished');
  });

  it('puts the key into no file', async () => {
    await runOnce(withJournal()(folder));
    const files = readdirSync(folder, {recursive: true, encoding: 'utf8'}).map(name => join(folder, name));
    expect(files.length).toBeGreaterThan(4);
    for (const file of files) {
      if (statSync(file).isFile()) expect(readFileSync(file, 'utf8')).not.toContain(apiKey);
    }
  });

  it('gives up waiting, not uploading, when the server is slow to come back', async () => {
    await server.down();
    const said: string[] = [];
    await runOnce(withJournal({timing: {...timing, finishMs: 300}, say: line => said.push(line)})(folder));
    expect(said.at(-1)).toContain(`what is missing: \`wandb-invariance sync ${folder}\``);
    await server.up();
    await expect
      .poll(() => server.store.runs.size && server.store.only.state, {timeout: 10_000})
      .toBe('finished');
    await expect.poll(() => existsSync(join(folder, 'wandb.lock'))).toBe(false);
  });

  it('leaves no listener behind', async () => {
    const count = () => ['SIGINT', 'SIGTERM', 'exit', 'beforeExit'].map(name => process.listenerCount(name));
    const before = count();
    await runOnce(withJournal()(folder));
    expect(count()).toEqual(before);
  });

  it('ships the program of its uploading process', () => {
    expect(existsSync(createRequire(import.meta.url).resolve('#uploader'))).toBe(true);
  });

  it('is offline first: a process that ends at the prompt leaves a run that can be synced', async () => {
    let cancelled = false;
    const askKey = () => ({answer: new Promise<string>(() => {}), cancel: () => (cancelled = true)});
    const tracker = withJournal({apiKey: undefined, surroundings: {env: {HOME: '/nowhere'}}, askKey})(folder);
    await tracker.start(sampleInfo(), {resumed: false, folder});
    expect(readState(folder)!.settings.mode).toBe('offline');
    void tracker.finish('finished');
    await expect.poll(() => cancelled).toBe(true);
  });

  it('sends the key of the server that is named now to no other', async () => {
    const other = await new StandIn({keys: ['other']}).up();
    await runOnce(withJournal()(folder));
    const before = server.requests.length;
    const said: string[] = [];
    const tracker = withJournal({
      apiKey: undefined,
      baseUrl: undefined,
      surroundings: {env: {HOME: '/nowhere', WANDB_BASE_URL: other.url, WANDB_API_KEY: 'other'}},
      say: line => said.push(line),
    })(folder);
    await tracker.start(sampleInfo(), {resumed: true, folder});
    await tracker.finish('finished');
    expect(said).toEqual([
      expect.stringContaining(`no W&B API key for ${new URL(server.url).host}: offline`),
    ]);
    expect([server.requests.length, other.requests.length]).toEqual([before, 0]);
    expect(readState(folder)!.settings.baseUrl).toBe(server.url);
    await other.down();
  });

  it('keeps a resumed run where it is, and follows what is said now in everything else', async () => {
    await runOnce(withJournal({project: 'birds', tags: ['old'], logModel: 'end'})(folder));
    const tracker = withJournal({project: 'fish', id: 'new', tags: ['new'], alerts: {below: 0.5}})(folder);
    await tracker.start(sampleInfo(), {resumed: true, folder});
    await tracker.event({type: 'resumed', time: 1, step: 0});
    await tracker.finish('finished');
    expect(readState(folder)!.settings).toMatchObject({
      project: 'birds',
      id: 'run-1',
      tags: ['new'],
      logModel: false,
      alerts: {below: 0.5},
    });
    expect(server.store.only).toMatchObject({project: 'birds', name: 'run-1', tags: ['new']});
  });

  it('says whom its upload waits for, and where', async () => {
    const said: string[] = [];
    const tracker = withJournal({say: line => said.push(line)})(folder);
    mkdirSync(folder, {recursive: true});
    const lock = lockRun(folder);
    await tracker.start(sampleInfo(), {resumed: false, folder});
    await expect
      .poll(() => said)
      .toEqual([
        expect.stringMatching(
          new RegExp(`the upload of .* waits: process ${process.pid} on .*remove .*wandb\\.lock`),
        ),
      ]);
    if (lock.status === 'taken') lock.release();
    await tracker.finish('finished');
    expect(server.store.only.state).toBe('finished');
  });

  it('says why its uploading process does not start, and what to do', async () => {
    const entry = join(folder, '..', 'broken.mjs');
    writeFileSync(entry, "throw new TypeError('no such thing');");
    const said: string[] = [];
    await runOnce(withJournal({entry, say: line => said.push(line)})(folder));
    expect(said[0]).toBe(
      'the upload stopped: the W&B uploader ended 21 times, last with code 1 (TypeError: no such thing); ' +
        `what is missing: \`wandb-invariance sync ${folder}\``,
    );
  });
});
