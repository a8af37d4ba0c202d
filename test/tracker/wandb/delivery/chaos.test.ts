import {spawn, type ChildProcess} from 'node:child_process';
import {mkdtempSync, readdirSync, readFileSync, statSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {seededRandom} from '../../../../src/random.js';
import {syncRun} from '../../../../src/tracker/index.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../../sample-run.js';
import {quickTiming} from '../quick-timing.js';
import {rowsOf} from '../stand-in-store.js';
import {StandIn, type Fault, type Seen} from '../stand-in.js';

/** Runs, and how many at a time. CHAOS_RUNS asks for more. */
const runs = Number(process.env.CHAOS_RUNS ?? 25);
const atOnce = 6;
/** Longer than any uploader needs, on any machine; milliseconds. */
const longMs = 120_000;
const apiKey = 'the-secret-key-of-the-chaos-runs';

const timing = {...quickTiming, requestMs: 600, storageForMs: 100, finishMs: 1_500, postMs: 15};

const kinds: Fault[] = [
  {kind: 'hang'},
  {kind: 'slow', ms: 50},
  {kind: 'status', status: 500},
  {kind: 'status', status: 502},
  {kind: 'status', status: 429, retryAfter: '0.05'},
  {kind: 'status', status: 400, body: 'wrong offset'},
  {kind: 'status', status: 409, body: 'conflict'},
  {kind: 'status', status: 413, body: 'too large'},
  {kind: 'status', status: 403, body: 'Request has expired'},
  {kind: 'reset', after: false},
  {kind: 'reset', after: true},
  {kind: 'half'},
  {kind: 'errors', message: 'internal error'},
  {kind: 'forget', lines: 3},
];

/** Only the stream has offsets to refuse, and only URLs of the storage expire: elsewhere these would be final. */
const onlyOf: Record<number, Seen['kind']> = {400: 'stream', 409: 'stream', 413: 'stream', 403: 'file'};

interface Outcome {
  seed: number;
  problems: string[];
  kills: number;
  faults: number;
}

/** One run: a logging process under faults, killed and resumed, its uploader too; then a sync without faults. */
async function chaos(seed: number): Promise<Outcome> {
  const random = seededRandom(seed);
  const chance = (p: number) => random.uniform() < p;
  const upTo = (n: number) => Math.floor(random.uniform() * n);
  const root = mkdtempSync(join(tmpdir(), 'chaos-'));
  const folder = join(root, 'run-1');
  const rows = 10 + upTo(40);
  const kills = upTo(3);
  let faults = 0;
  let log = '';
  const server = await new StandIn({keys: [apiKey]}).up();
  const rate = 0.05 + random.uniform() * 0.3;
  server.fault = ({kind}) => {
    if (!chance(rate)) return null;
    const fault = kinds[upTo(kinds.length)]!;
    if (fault.kind === 'status' && (onlyOf[fault.status] ?? kind) !== kind) return null;
    if (fault.kind === 'errors' && kind !== 'graphql') return null;
    faults++;
    return fault;
  };
  const task = {
    folder,
    info: sampleInfo(),
    baseline: sampleBaseline(),
    reading: sampleReading(0),
    rows,
    pauseMs: upTo(8),
    timing,
  };
  const start = (): ChildProcess => {
    const argument = JSON.stringify({...task, back: upTo(4)});
    const child = spawn(process.execPath, ['test/tracker/wandb/logging-process.mjs', argument], {
      env: {
        PATH: process.env.PATH,
        HOME: root,
        WANDB_API_KEY: apiKey,
        WANDB_BASE_URL: server.url,
        WANDB_PROJECT: 'chaos',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', chunk => (log += String(chunk)));
    child.stderr.on('data', chunk => (log += String(chunk)));
    return child;
  };
  const ended = (child: ChildProcess) => new Promise<number | null>(resolve => child.on('exit', resolve));
  /** Rows that the server lacks. */
  const missing = (): number[] => {
    const held = [...server.store.runs.values()].flatMap(rowsOf);
    const there = new Set(held.flatMap(row => ('row' in row ? [row.row] : [])));
    return Array.from({length: rows}, (_, i) => i).filter(i => !there.has(i));
  };
  const until = async (isSo: () => boolean): Promise<void> => {
    for (const end = Date.now() + longMs; Date.now() < end && !isSo();) await sleep(5);
  };
  const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

  for (let i = 0; i < kills; i++) {
    const child = start();
    const exit = ended(child);
    // Somewhere between its first breath and its last row, however fast the machine is.
    const seen = server.requests.length + upTo(15);
    await until(() => server.requests.length >= seen || child.exitCode !== null);
    await sleep(upTo(30));
    child.kill('SIGKILL');
    await exit;
    if (chance(0.5)) killUploader(folder);
    if (chance(0.3)) {
      await server.down();
      await sleep(upTo(100));
      await server.up();
    }
  }
  const code = await ended(start());
  const isUploaderKilled = chance(0.3);
  if (isUploaderKilled) killUploader(folder);
  // The last uploader has bad weather too.
  const isFinished = () => server.store.runs.size > 0 && server.store.only.state === 'finished';
  const seen = server.requests.length + 10 + upTo(20);
  if (!isUploaderKilled) await until(() => server.requests.length >= seen || isFinished());
  server.fault = () => null;
  const problems: string[] = [];
  const check = (what: string, ok: boolean): void => {
    if (!ok) problems.push(what);
  };
  // What it does not deliver by itself, the sync would repair unseen.
  if (!isUploaderKilled) {
    const isThere = () => isFinished() && missing().length === 0;
    await until(isThere);
    const state = [...server.store.runs.values()][0]?.state;
    check(`the uploader left ${missing().join()} behind, and the run ${state}`, isThere());
  }
  let synced = await syncRun({folder, apiKey, timing, surroundings: {env: {}}});
  // An uploader whose training is gone still delivers; it ends by itself.
  const latest = Date.now() + longMs;
  while (Date.now() < latest && synced.status === 'failed' && synced.message.includes('is uploading it')) {
    await sleep(50);
    synced = await syncRun({folder, apiKey, timing, surroundings: {env: {}}});
  }

  check(`the logging process ended with ${code}: ${log}`, code === 0);
  check(`sync failed: ${JSON.stringify(synced)}`, synced.status === 'synced');
  const run = [...server.store.runs.values()][0];
  const stored = run ? rowsOf(run) : [];
  const logged = stored.flatMap(row => ('row' in row ? [row.row as number] : []));
  const readings = stored.flatMap(row =>
    'invariance/scored_layers' in row ? [row['train/global_step'] as number] : [],
  );
  const all = Array.from({length: rows}, (_, i) => i);
  check(`rows: ${logged.join()}`, logged.join() === all.join());
  const tens = all.filter(i => i % 10 === 5);
  check(`readings: ${readings.join()} of ${tens.join()}`, readings.join() === tens.join());
  check(
    'lines are not counted from 0',
    stored.every((row, i) => row._step === i),
  );
  check(`overwritten: ${JSON.stringify(run?.overwritten)}`, run?.overwritten.length === 0);
  const named = stored.flatMap(row =>
    Object.values(row).flatMap(value =>
      (value as {_type?: string; path: string})?._type === 'table-file'
        ? [(value as {path: string}).path]
        : [],
    ),
  );
  const lost = named.filter(path => !server.store.blobs.has(`ada/chaos/run-1/${path}`));
  check(`tables that are named and not stored: ${lost.join()}`, lost.length === 0);
  check(`state ${run?.state}`, run?.state === 'finished');
  check('the key is in the output', !log.includes(apiKey));
  for (const name of readdirSync(folder, {recursive: true, encoding: 'utf8'})) {
    const path = join(folder, name);
    if (statSync(path).isFile())
      check(`the key is in ${name}`, !readFileSync(path, 'latin1').includes(apiKey));
  }
  await server.down();
  // An uploader that has nothing left to do may still be ending.
  if (problems.length === 0) await rm(root, {recursive: true, force: true, maxRetries: 50, retryDelay: 100});
  return {seed, problems, kills, faults};
}

function killUploader(folder: string): void {
  try {
    const {pid} = JSON.parse(readFileSync(join(folder, 'wandb.lock'), 'utf8')) as {pid: number};
    if (pid !== process.pid) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended, or has not begun.
  }
}

it(
  `${runs} runs under faults, kills and restarts lose no row, send none twice, and tell the key to nobody`,
  {timeout: 1_200_000},
  async () => {
    const outcomes: Outcome[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < runs) outcomes.push(await chaos(next++));
    };
    await Promise.all(Array.from({length: atOnce}, worker));
    expect(outcomes.filter(({problems}) => problems.length > 0)).toEqual([]);
    console.log(
      `${outcomes.reduce((sum, {kills}) => sum + kills, 0)} kills, ${outcomes.reduce((sum, {faults}) => sum + faults, 0)} faults`,
    );
    // It was no fair weather.
    expect(outcomes.reduce((sum, {kills}) => sum + kills, 0)).toBeGreaterThan(runs / 2);
    expect(outcomes.reduce((sum, {faults}) => sum + faults, 0)).toBeGreaterThan(runs);
  },
);
