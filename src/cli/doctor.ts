import {access, constants, mkdir, readdir, readFile, stat} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {availableParallelism, freemem, totalmem} from 'node:os';
import {dirname, join} from 'node:path';
import {Command} from 'commander';
import {messageOf} from '../errors.js';
import {textTable} from '../terminal/index.js';
import type {FoundKey} from '../tracker/index.js';
import {packageVersion} from './package-version.js';

/** What each optional package is for, and how to get it. */
const OPTIONAL: Readonly<Record<string, {use: string; get: string}>> = {
  'onnxruntime-node': {
    use: 'measuring two to four times as fast as with onnxruntime-web',
    get: 'npm i onnxruntime-node@~1.30.0 --onnxruntime-node-install=skip (CPU; without the flag it fetches CUDA)',
  },
  '@tensorflow/tfjs-node-gpu': {use: 'training on an NVIDIA GPU', get: 'npm i @tensorflow/tfjs-node-gpu'},
  '@tensorflow/tfjs-node': {use: 'training at full speed on the CPU', get: 'npm i @tensorflow/tfjs-node'},
  '@tensorflow/tfjs': {use: 'training without a native library', get: 'npm i @tensorflow/tfjs'},
  '@tensorflow/tfjs-backend-wasm': {
    use: 'training ten times as fast as plain tfjs',
    get: 'npm i @tensorflow/tfjs-backend-wasm',
  },
  '@wandb/sdk': {use: 'logging into a W&B run that your training has opened', get: 'npm i @wandb/sdk'},
  '@huggingface/hub': {use: 'models by their hub name', get: 'npm i @huggingface/hub'},
};

interface Diagnosis {
  version: string;
  node: string;
  platform: string;
  cores: number;
  memory: {total: number; free: number};
  /** The engine that measures, or why there is none. */
  engine: {status: 'ready'; description: string} | {status: 'missing'; reason: string};
  packages: Record<string, {version: string | null; use: string; get: string}>;
  /** Or what is wrong with the settings of the environment. */
  wandb: {host: string; key: FoundKey['from'] | null} | {problem: string};
  cache: {folder: string; writable: boolean; entries: number; bytes: number};
  /** What will not work here, each with what to do. */
  troubles: string[];
}

/** `doctor`: what is installed, what would be faster, where things are kept. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say which engine, cores, packages, W&B key and cache there are')
    .option('--json', 'print JSON')
    .action(async ({json}: {json?: true}) => {
      const diagnosis = await diagnose(process.env);
      process.stdout.write(json ? `${JSON.stringify(diagnosis, null, 2)}\n` : textOf(diagnosis));
      if (diagnosis.engine.status === 'missing') process.exitCode = 1;
    });
}

async function diagnose(environment: NodeJS.ProcessEnv): Promise<Diagnosis> {
  const {openRuntime} = await import('../engine/index.js');
  const {defaultCacheFolder} = await import('../inversion/index.js');
  const cores = availableParallelism();
  const found = Object.entries(OPTIONAL).map(
    async ([name, about]) => [name, {version: await versionOf(name), ...about}] as const,
  );
  const packages = Object.fromEntries(await Promise.all(found));
  return {
    version: packageVersion(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores,
    memory: {total: totalmem(), free: freemem()},
    engine: await openRuntime({threads: cores}).then(
      ({description}) => ({status: 'ready', description}),
      (error: unknown) => ({status: 'missing', reason: messageOf(error)}),
    ),
    packages,
    wandb: await wandbKey(environment),
    cache: await cacheState(defaultCacheFolder(environment)),
    troubles: troublesOf(process.version, packages),
  };
}

/** What of the packages that are installed breaks on this Node. */
export function troublesOf(
  node: string,
  packages: Readonly<Record<string, {version: string | null}>>,
): string[] {
  const [major = 0] = node.replace('v', '').split('.').map(Number);
  return ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu']
    .filter(name => major >= 23 && packages[name]?.version?.startsWith('4.'))
    .map(
      name =>
        `${name} breaks on Node 23 and newer: run this before it is imported, or use Node 22: ` +
        "(await import('node:util')).default.isNullOrUndefined ??= value => value == null",
    );
}

/** Looked for where the user works, then beside this package. */
async function versionOf(name: string): Promise<string | null> {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    let folder: string;
    try {
      folder = dirname(createRequire(from).resolve(name));
    } catch {
      continue;
    }
    for (; folder !== dirname(folder); folder = dirname(folder)) {
      const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
      const found = JSON.parse(text) as {name?: string; version?: string};
      if (found.name === name) return found.version ?? null;
    }
  }
  return null;
}

/** Whether there is a key, and where; never the key. */
async function wandbKey(env: NodeJS.ProcessEnv): Promise<Diagnosis['wandb']> {
  const {findApiKey, resolveSettings} = await import('../tracker/index.js');
  try {
    const {baseUrl} = resolveSettings({}, {env});
    return {host: new URL(baseUrl).host, key: findApiKey(baseUrl, {}, {env})?.from ?? null};
  } catch (error) {
    return {problem: messageOf(error)};
  }
}

async function cacheState(folder: string): Promise<Diagnosis['cache']> {
  const writable = await mkdir(folder, {recursive: true})
    .then(() => access(folder, constants.W_OK))
    .then(
      () => true,
      () => false,
    );
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map(name =>
      stat(join(folder, name)).then(
        ({size}) => size,
        () => 0,
      ),
    ),
  );
  return {
    folder,
    writable,
    entries: names.filter(name => name.endsWith('.safetensors')).length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

function textOf({
  version,
  node,
  platform,
  cores,
  memory,
  engine,
  packages,
  wandb,
  cache,
  troubles,
}: Diagnosis): string {
  const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const keys = {option: 'given', environment: 'found in WANDB_API_KEY', netrc: 'found in .netrc'};
  return textTable([
    ['package', `wandb-invariance ${version}, Node ${node}, ${platform}`],
    ['machine', `${cores} cores, ${gigabytes(memory.free)} of ${gigabytes(memory.total)} memory free`],
    ['engine', engine.status === 'ready' ? engine.description : `none: ${engine.reason}`],
    ...Object.entries(packages).map(([name, {version, use, get}]) => [
      name,
      version ?? `not found: for ${use}: ${get}`,
    ]),
    [
      'W&B key',
      'problem' in wandb
        ? `${wandb.problem}; set the environment variable right`
        : wandb.key
          ? `${keys[wandb.key]}, for ${wandb.host}`
          : `none for ${wandb.host}: runs stay offline`,
    ],
    [
      'cache',
      `${cache.folder}: ${cache.entries} inversions, ${gigabytes(cache.bytes)}${cache.writable ? '' : ', not writable'}`,
    ],
    ...troubles.map(trouble => ['trouble', trouble]),
  ]);
}
