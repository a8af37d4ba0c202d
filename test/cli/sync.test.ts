import {cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {openJournal, readRunInfo} from '../../src/journal/index.js';
import {syncForMs, wandbTracker, type Synced} from '../../src/tracker/index.js';
import {StandIn} from '../tracker/wandb/stand-in.js';
import {sampleInfo, sampleReading} from '../tracker/sample-run.js';
import {run} from './run.js';

let server: StandIn;
let root: string;
let dir: string;
beforeEach(async () => {
  server = await new StandIn({keys: ['secret']}).up();
  root = mkdtempSync(join(tmpdir(), 'sync-cli-'));
  dir = join(root, 'invariance');
});
afterEach(async () => {
  await server.down();
  rmSync(root, {recursive: true, force: true});
});

async function recorded(id: string, {wandb = true} = {}): Promise<void> {
  const folder = join(dir, id);
  const journal = openJournal(folder);
  await journal.start(sampleInfo(id), {resumed: false});
  if (wandb)
    await wandbTracker({mode: 'offline', surroundings: {env: {}}}).start(sampleInfo(id), {
      resumed: false,
      folder,
    });
  journal.reading(sampleReading(0));
  journal.finish('finished');
}

/** The command line with a key for the stand-in, and more. */
function sync(args: string[], more: Record<string, string> = {}) {
  return run(['sync', ...args], {
    WANDB_API_KEY: 'secret',
    WANDB_BASE_URL: server.url,
    WANDB_DIR: root,
    HOME: root,
    ...more,
  });
}

const names = () => [...server.store.runs.values()].map(({name}) => name).sort();

describe('sync', () => {
  it('without names sends the runs that were recorded for W&B, and counts the others in one line', async () => {
    await recorded('one');
    await recorded('two', {wandb: false});
    await recorded('three', {wandb: false});
    // An agent of a sweep exports this for the training.
    const result = await sync([], {WANDB_RUN_ID: 'of-the-training'});
    expect(result).toMatchObject({
      code: 0,
      stderr: '2 runs were recorded without W&B and stay here; name them to send them\n',
    });
    expect(names()).toEqual(['one']);
    expect((await sync(['two'])).code).toBe(0);
    expect(names()).toEqual(['one', 'two']);
  });

  it('says which lines of a journal it leaves out, and sends the others', async () => {
    await recorded('one');
    const path = join(dir, 'one', 'journal.jsonl');
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    writeFileSync(path, `${[lines[0], 'xx', ...lines.slice(1)].join('\n')}\n`);
    expect(await sync([])).toMatchObject({
      code: 0,
      stderr: `${join(dir, 'one')}: some of its journal is left out: journal.jsonl line 2 is not JSON\n`,
    });
    expect(server.store.only).toMatchObject({name: 'one', state: 'finished'});
  });

  it('sends a run of format 1, once', async () => {
    const folder = join(dir, '20261126-005006-567a');
    cpSync('test/fixtures/journal-format-1', folder, {recursive: true});
    expect(await sync([folder])).toMatchObject({code: 0, stderr: ''});
    const rows = [...server.store.only.history];
    expect(rows.length).toBeGreaterThan(7);
    expect(server.store.only.state).toBe('finished');
    const journal = openJournal(folder);
    await journal.start(await readRunInfo(folder), {resumed: true});
    journal.event({type: 'logged', time: 1, step: 31, epoch: null, values: {loss: 1}});
    journal.finish('finished');
    expect(await sync([folder])).toMatchObject({code: 0, stderr: ''});
    const {history} = server.store.only;
    expect(history.map(line => (JSON.parse(line) as {_step: number})._step)).toEqual(
      history.map((_, i) => i),
    );
    expect(history.slice(0, rows.length)).toEqual(rows);
    // What was logged, and the end.
    expect(history).toHaveLength(rows.length + 2);
  });

  it('goes on with the other runs where one fails in whatever way', async () => {
    for (const id of ['one', 'three']) await recorded(id);
    for (const id of ['two', 'four']) {
      await recorded(id);
      rmSync(join(dir, id, 'wandb.json'));
    }
    // No state can be written there, and none read here.
    mkdirSync(join(dir, 'two', 'wandb.json'));
    writeFileSync(join(dir, 'four', 'wandb.json'), '{');
    const {code, stdout} = await sync(['--json']);
    expect(code).toBe(1);
    const results = JSON.parse(stdout) as Synced[];
    expect(results.map(({folder, status}) => [folder.split('/').at(-1), status]).sort()).toEqual([
      ['four', 'failed'],
      ['one', 'synced'],
      ['three', 'synced'],
      ['two', 'failed'],
    ]);
  });

  it('gives up on a server that stays away for --timeout seconds', async () => {
    await recorded('one');
    await server.down();
    const began = Date.now();
    const {code, stdout} = await sync(['--timeout', '1']);
    expect(code).toBe(1);
    expect(stdout).toContain('W&B could not be reached');
    expect(Date.now() - began).toBeLessThan(30_000);
    await server.up();
  });

  it('sends a run to the server that --base-url names', async () => {
    await recorded('one');
    const {code} = await sync(['one', '--base-url', `${server.url}/`], {
      WANDB_BASE_URL: 'http://127.0.0.1:9',
    });
    expect(code).toBe(0);
    expect(names()).toEqual(['one']);
  });
});

it('list and sync look for runs under WANDB_DIR', async () => {
  await recorded('one');
  const {stdout} = await run(['list', '--json'], {WANDB_DIR: root});
  expect((JSON.parse(stdout) as {id: string}[]).map(({id}) => id)).toEqual(['one']);
});

it('says in its help how long it waits for a server that stays away', async () => {
  const {stdout} = await run(['sync', '--help']);
  expect(stdout.replace(/\s+/g, ' ')).toContain(`stays away for so long (default ${syncForMs / 1000})`);
});
