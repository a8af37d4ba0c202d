import {execFile, spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {finetuned, tinyProbes, tinyVariant, tinyVit} from './measure/tiny-vit.js';
import {StandIn} from './tracker/wandb/stand-in.js';

/** Not installed everywhere, and where it is, a container may forbid it to trace. */
const traces = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;

/** onnxruntime-node makes its first report nine seconds after its first session; a process must live to see it. */
const UPLOAD_SECONDS = 12;

let folder: string;
let home: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'privacy-'));
  home = join(folder, 'home');
  mkdirSync(join(home, 'tmp'), {recursive: true});
});
afterEach(() => rmSync(folder, {recursive: true, force: true}));

/** Runs to its end, at home in an empty folder, with nothing in the environment that keeps onnxruntime quiet. */
async function run(command: readonly string[], environment: Record<string, string> = {}): Promise<string> {
  const [program, ...args] = command;
  const {stdout} = await promisify(execFile)(program!, args, {
    env: {PATH: process.env.PATH, HOME: home, TMPDIR: join(home, 'tmp'), ...environment},
  });
  return stdout;
}

/** Each internet address that the command or a process it started has turned to, once; a name server is one too. */
async function reached(command: readonly string[], environment?: Record<string, string>): Promise<string[]> {
  const log = join(folder, 'strace');
  const calls = 'connect,sendto,sendmsg,sendmmsg';
  await run(['strace', '-f', '-qq', '-e', `trace=${calls}`, '-o', log, ...command], environment);
  const addresses = readFileSync(log, 'utf8').matchAll(
    /sin6?_port=htons\((\d+)\).*?inet_(?:addr\("|pton\(AF_INET6, ")([^"]+)"/g,
  );
  return [...new Set([...addresses].map(([, port, address]) => `${address}:${port}`))];
}

const cli = (...args: string[]): string[] => [process.execPath, 'dist/cli/main.js', ...args];

async function measure(): Promise<string[]> {
  const probes = await tinyProbes(join(folder, 'probes.safetensors'));
  const changed = await tinyVariant(join(folder, 'changed'), finetuned(0.3));
  const options = {pretrained: tinyVit, finetuned: changed, probes, steps: '2'};
  return cli('measure', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]));
}

async function backfill(): Promise<string[]> {
  const probes = await tinyProbes(join(folder, 'probes.safetensors'));
  await tinyVariant(join(folder, 'out/checkpoint-1'), finetuned(0.3));
  const options = {pretrained: tinyVit, probes, steps: '2', dir: join(folder, 'runs')};
  return cli(
    'backfill',
    join(folder, 'out'),
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
  );
}

const finetune = (seconds: number, ...args: string[]): string[] => [
  process.execPath,
  'test/monitored-finetune.mjs',
  folder,
  String(seconds),
  ...args,
];

describe('onnxruntime-node leaves no device id and no queue of reports', () => {
  it.each([
    ['in the process that measures', measure],
    ['in the one that a training starts', () => finetune(0)],
  ])('%s: all that is written at home is the inversion cache', async (_, command) => {
    await run(await command());
    expect(readdirSync(home).sort()).toEqual(['.cache', 'tmp']);
    expect(readdirSync(join(home, '.cache'))).toEqual(['wandb-invariance']);
    expect(readdirSync(join(home, 'tmp'))).toEqual([]);
  });
});

describe.skipIf(!traces)('as strace sees it (skipped where there is none), nothing is reached', () => {
  it.each([
    ['doctor', () => cli('doctor')],
    ['measure', measure],
    ['backfill without a W&B key', backfill],
    ['a monitored finetune', () => finetune(UPLOAD_SECONDS)],
  ])('by %s', async (_, command) => {
    expect(await reached(await command())).toEqual([]);
  });

  it('by a finetune that is logged to W&B, but for the server it names', async () => {
    const server = await new StandIn().up();
    const environment = {WANDB_BASE_URL: server.url, WANDB_API_KEY: 'f'.repeat(40)};
    expect(await reached(finetune(0, 'wandb'), environment)).toEqual([new URL(server.url).host]);
    await server.down();
  });
});
