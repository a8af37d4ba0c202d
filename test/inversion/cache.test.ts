import {execFileSync, spawn} from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {defaultCacheFolder, openInversionCache, type CacheEntry} from '../../src/inversion/index.js';
import {analyticProbes} from '../analytic/engine.js';
import {canMount} from '../can-mount.js';

let folder: string;
let notices: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invariance-cache-'));
  notices = [];
});
afterEach(() => rm(folder, {recursive: true, force: true}));

const open = (at: string | null = folder) =>
  openInversionCache({folder: at, onNotice: (code, message) => notices.push(`${code} ${message}`)});

const entry: CacheEntry = {
  images: analyticProbes({seed: 1}),
  halfway: analyticProbes({seed: 2}),
  evaluations: 37.5,
  gate: {
    layer: 'block_00',
    rel: 0.1,
    fvu: 0.2,
    rmsToProbes: 0.2,
    rmsToSeeds: 0.3,
    unconverged: 0.25,
    evaluations: 37.5,
    threshold: 0.05,
    passed: false,
  },
};

test('what was written is read back to the bit, by another opening too', async () => {
  await (await open()).write('key', entry);
  expect(await (await open()).read('key')).toEqual(entry);
  expect(await (await open()).read('other')).toBeNull();
  expect(notices).toEqual([]);
});

test('values are kept beside the entries', async () => {
  await (await open()).writeValue('key', {floor: [0.1 + 0.2, null]});
  expect(await (await open()).readValue('key')).toEqual({floor: [0.30000000000000004, null]});
  expect(await (await open()).readValue('other')).toBeNull();
});

test('what a killed writer left is removed after a day, not before', async () => {
  await open();
  for (const name of ['.old.tmp', '.new.tmp']) await writeFile(join(folder, name), 'half');
  await utimes(join(folder, '.old.tmp'), 0, 0);
  await open();
  expect(await readdir(folder)).toEqual(['.new.tmp']);
});

test('beyond its bytes the least recently used entries go, but none that was used within a day', async () => {
  const cache = await open();
  for (const key of ['first', 'second', 'third', 'fourth']) await cache.write(key, entry);
  const days = (ago: number) => new Date(Date.now() - ago * 86_400_000);
  const age = (key: string, ago: number) => utimes(join(folder, `${key}.safetensors`), days(ago), days(ago));
  await Promise.all([age('first', 9), age('second', 8), age('third', 7), age('fourth', 0.5)]);
  await cache.read('first');
  const {size} = await stat(join(folder, 'first.safetensors'));
  await openInversionCache({folder, bytes: 3.5 * size});
  expect((await readdir(folder)).sort()).toEqual(
    ['first', 'fourth', 'third'].map(key => `${key}.safetensors`),
  );
  await openInversionCache({folder, bytes: 0});
  expect((await readdir(folder)).sort()).toEqual(['first', 'fourth'].map(key => `${key}.safetensors`));
});

describe('a damaged entry counts as absent, is said once, and is made again', () => {
  const damages: Record<string, (path: string) => Promise<void>> = {
    'a flipped bit in a pixel': async path => flip(path, (await readFile(path)).length - 5),
    'a flipped bit in the gate': async path => flip(path, (await readFile(path)).indexOf('evaluations') + 14),
    'a cut file': path => truncate(path, 1000),
    'an empty file': path => truncate(path, 0),
  };
  async function flip(path: string, at: number) {
    const bytes = await readFile(path);
    bytes[at]! ^= 1;
    await writeFile(path, bytes);
  }
  test.each(Object.keys(damages))('%s', async damage => {
    const cache = await open();
    await cache.write('key', entry);
    await damages[damage]!(join(folder, 'key.safetensors'));
    expect(await cache.read('key')).toBeNull();
    expect(await cache.read('key')).toBeNull();
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain('cache_damaged');
    expect(notices[0]).toContain('key.safetensors');
    await cache.write('key', entry);
    expect(await cache.read('key')).toEqual(entry);
  });
  test('a changed value', async () => {
    const cache = await open();
    await cache.writeValue('key', {floor: 0.25});
    const path = join(folder, 'key.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('0.25', '0.75'));
    expect(await cache.readValue('key')).toBeNull();
    expect(notices).toHaveLength(1);
  });
});

describe('locks', () => {
  test('are given to one at a time, and given back', async () => {
    const [one, other] = [await open(), await open()];
    const release = one.lock('key');
    expect(release).not.toBeNull();
    expect(other.lock('key')).toBeNull();
    expect(other.lock('another')).not.toBeNull();
    release!();
    expect(other.lock('key')).not.toBeNull();
  });

  test('of a process that was killed are taken over', async () => {
    const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const {hostname} = await import('node:os');
    await writeFile(
      join(folder, 'key.lock'),
      JSON.stringify({token: 'x', pid: holder.pid, host: hostname()}),
    );
    expect((await open()).lock('key')).toBeNull();
    holder.kill('SIGKILL');
    await new Promise(resolve => holder.once('exit', resolve));
    const release = (await open()).lock('key');
    expect(release).not.toBeNull();
    release!();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a folder that cannot be written turns entries into memory, with one notice', () => {
  async function expectMemory(at: string) {
    const cache = await open(at);
    expect(await cache.read('key')).toBeNull();
    const release = cache.lock('key');
    await cache.write('key', entry);
    await cache.writeValue('key', 7);
    release!();
    expect(await cache.read('key')).toEqual(entry);
    expect(await cache.readValue('key')).toBe(7);
    expect(cache.shared).toBe(false);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain('cache_unwritable');
  }

  test('a file stands where the folder should be', async () => {
    await writeFile(join(folder, 'file'), '');
    await expectMemory(join(folder, 'file', 'cache'));
    expect(notices[0]).toContain('XDG_CACHE_HOME');
  });

  test.skipIf(process.getuid?.() === 0)('no permission', async () => {
    await chmod(folder, 0o500);
    await expectMemory(folder);
  });

  test.skipIf(!canMount())('a disk that is full', async () => {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'none', disk]);
    try {
      const cache = await open(disk);
      const large = analyticProbes({count: 4000});
      await cache.write('key', {...entry, images: large, halfway: large});
      expect((await cache.read('key'))!.images).toEqual(large);
      expect(notices).toHaveLength(1);
      expect(notices[0]).toMatch(/cache_unwritable.*the disk is full/);
      expect(await readdir(disk)).toEqual([]);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

test('no folder at all is memory, without a notice', async () => {
  const cache = await open(null);
  await cache.write('key', entry);
  expect(await cache.read('key')).toEqual(entry);
  expect(cache.shared).toBe(false);
  expect(notices).toEqual([]);
});

test('the folder is the user’s cache folder', () => {
  expect(defaultCacheFolder({XDG_CACHE_HOME: '/x'})).toBe(join('/x', 'wandb-invariance'));
  expect(defaultCacheFolder({})).toMatch(/\.cache.wandb-invariance$/);
});
