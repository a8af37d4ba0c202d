import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {availableParallelism, tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {troublesOf} from '../../src/cli/doctor.js';
import {run} from './run.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invariance-doctor-'));
});
afterAll(() => rm(folder, {recursive: true, force: true}));

const key = 'f'.repeat(40);

test('--json says engine, cores, memory, packages, key and cache', async () => {
  const {code, stdout} = await run(['doctor', '--json'], {XDG_CACHE_HOME: folder, HOME: folder});
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    node: process.version,
    cores: availableParallelism(),
    engine: {status: 'ready', description: expect.stringMatching(/^onnxruntime-/) as string},
    packages: {'@tensorflow/tfjs': {version: expect.stringMatching(/^4\./) as string}},
    wandb: {host: 'api.wandb.ai', key: null},
    cache: {folder: join(folder, 'wandb-invariance'), writable: true, entries: 0, bytes: 0},
  });
});

test('tfjs-node on a Node that it breaks on is a trouble, with what to do', () => {
  const packages = {
    '@tensorflow/tfjs-node': {version: '4.22.0'},
    '@tensorflow/tfjs-node-gpu': {version: null},
  };
  expect(troublesOf('v22.12.0', packages)).toEqual([]);
  expect(troublesOf('v24.1.0', packages)).toEqual([
    expect.stringMatching(/^@tensorflow\/tfjs-node breaks on Node 23 and newer: .*isNullOrUndefined/),
  ]);
  expect(troublesOf('v24.1.0', {})).toEqual([]);
});

test('a package that is not there comes with the line that gets it', async () => {
  const {stdout} = await run(['doctor'], {HOME: folder});
  expect(stdout).toMatch(/@tensorflow\/tfjs-node-gpu\s+not found: .*npm i @tensorflow\/tfjs-node-gpu/);
});

test('a W&B key is found, and never printed', async () => {
  const inEnvironment = await run(['doctor'], {HOME: folder, WANDB_API_KEY: key});
  expect(inEnvironment.stdout).toContain('found in WANDB_API_KEY');
  await writeFile(join(folder, '.netrc'), `machine wandb.example\n  login user\n  password ${key}\n`);
  const inFile = await run(['doctor'], {HOME: folder, WANDB_BASE_URL: 'https://wandb.example/'});
  expect(inFile.stdout).toContain('found in .netrc, for wandb.example');
  for (const {stdout, stderr} of [inEnvironment, inFile]) expect(stdout + stderr).not.toContain(key);
  expect((await run(['doctor'], {HOME: folder})).stdout).toContain('none for api.wandb.ai');
});

test('a server that is no address is said, and the rest as well', async () => {
  const {code, stdout} = await run(['doctor'], {HOME: folder, WANDB_BASE_URL: 'wandb'});
  expect(code).toBe(0);
  expect(stdout).toMatch(/W&B key\s+invalid W&B setting baseUrl: "wandb"; .*environment/);
  expect(stdout).toContain('inversions');
});

test('--help and --version are no failures', async () => {
  expect(await run(['--version'])).toMatchObject({code: 0, stderr: ''});
  const {code, stdout} = await run(['--help']);
  expect(code).toBe(0);
  for (const command of ['measure', 'doctor']) expect(stdout).toContain(command);
  expect((await run(['measure', '--help'])).stdout).toContain('--probes-max');
});
