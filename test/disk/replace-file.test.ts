import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {chmod, mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, test} from 'vitest';
import {replaceFile, replaceFileSync} from '../../src/disk/index.js';
import {writeModelFolder, writeSafetensors} from '../../src/models/index.js';
import {rejection, scratch} from '../models/scratch.js';

const tensors = new Map([['w', {shape: [100_000], data: new Float32Array(100_000)}]]);
const preprocessor = {
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  size: {height: 8, width: 8},
  resize: {height: 8, width: 8},
  resample: 'bilinear',
  rescale: 1 / 255,
} as const;

/** Runs a step as a user without root's rights, for whom permissions count. */
async function unprivileged<T>(step: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return step();
  process.seteuid!(65534);
  return step().finally(() => process.seteuid!(0));
}

describe('a write that fails leaves the old file and nothing else', () => {
  test('when the writer throws half-way', async () => {
    const folder = await scratch();
    await writeFile(join(folder, 'a'), 'old');
    const write = replaceFile(join(folder, 'a'), async file => {
      await file.writeFile('new, and then');
      throw Object.assign(new Error('no'), {code: 'ENOSPC'});
    });
    expect(await rejection(write)).toMatchObject({
      code: 'io_failed',
      message: expect.stringMatching(/the disk is full; free some space/),
    });
    expect(await readdir(folder)).toEqual(['a']);
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('old');
  });

  test.skipIf(process.platform === 'win32')('when the folder may not be written to', async () => {
    const folder = await scratch();
    const locked = join(folder, 'locked');
    await mkdir(locked);
    await chmod(folder, 0o755);
    await chmod(locked, 0o555);
    const error = await unprivileged(() =>
      rejection(writeSafetensors(join(locked, 'a.safetensors'), tensors)),
    );
    expect(error).toMatchObject({
      code: 'io_failed',
      message: expect.stringMatching(/a\.safetensors: permission denied; choose a folder/),
    });
    expect(await readdir(locked)).toEqual([]);
    await chmod(locked, 0o755);
  });

  test('when a part of the path is a file', async () => {
    const folder = await scratch();
    await writeFile(join(folder, 'file'), '');
    const model = {config: {}, preprocessor, tensors};
    expect(await rejection(writeModelFolder(join(folder, 'file', 'model'), model))).toMatchObject({
      code: 'io_failed',
      message: expect.stringMatching(/a part of the path is a file/),
    });
  });

  test.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)(
    'when the disk is really full (a small file system, mounted as root)',
    async ({skip}) => {
      const folder = await scratch();
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
      skip(mounted.status !== 0, 'no right to mount here');
      try {
        const model = join(folder, 'checkpoint-1');
        const error = await rejection(writeModelFolder(model, {config: {}, preprocessor, tensors}));
        expect(error).toMatchObject({
          code: 'io_failed',
          message: expect.stringMatching(/the disk is full; free some space/),
        });
        expect(await readdir(folder)).toEqual([]);
      } finally {
        spawnSync('umount', [folder]);
      }
    },
  );
});

describe('writing a model folder', () => {
  test('replaces a whole folder, so that no file of the old one is left', async () => {
    const folder = join(await scratch(), 'deep', 'model');
    await writeModelFolder(folder, {config: {}, preprocessor, tensors, files: {'notes.txt': 'first'}});
    await writeModelFolder(folder, {
      config: {},
      preprocessor,
      tensors,
      files: {'optimizer.safetensors': tensors},
    });
    expect((await readdir(folder)).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'optimizer.safetensors',
      'preprocessor_config.json',
    ]);
    expect(await readdir(join(folder, '..'))).toEqual(['model']);
    expect(existsSync(join(folder, 'notes.txt'))).toBe(false);
  });
});

describe('a process that is killed while it writes leaves the old file', () => {
  async function killed(program: string, {afterMs}: {afterMs: number}): Promise<void> {
    const library = JSON.stringify(resolve('dist/disk/replace-file.js'));
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', `import {replaceFile, replaceFileSync} from ${library};\n${program}`],
      {stdio: ['ignore', 'inherit', 'inherit', 'ipc']},
    );
    await once(child, 'message');
    await sleep(afterMs);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  test('in the middle of a large one', async () => {
    const path = join(await scratch(), 'a');
    await writeFile(path, 'old');
    await killed(
      `await replaceFile(${JSON.stringify(path)}, async file => {
        await file.writeFile('new, and then');
        process.send('half');
        await new Promise(resolve => setTimeout(resolve, 60_000));
      });`,
      {afterMs: 0},
    );
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  test('or the new one, and never a part of it', async () => {
    for (const afterMs of [1, 4, 9, 15, 23]) {
      const path = join(await scratch(), 'a');
      await killed(
        `process.send('begins');
        for (let i = 0; ; i = 1 - i) replaceFileSync(${JSON.stringify(path)}, String(i).repeat(4_000_000));`,
        {afterMs},
      );
      const text = await readFile(path, 'utf8').catch(() => '0'.repeat(4_000_000));
      expect(text === '0'.repeat(4_000_000) || text === '1'.repeat(4_000_000)).toBe(true);
    }
  });
});

test('a file is replaced at once, with the next statement', async () => {
  const folder = await scratch();
  await writeFile(join(folder, 'a'), 'old');
  replaceFileSync(join(folder, 'a'), 'new');
  expect(await readdir(folder)).toEqual(['a']);
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('new');
  expect(() => replaceFileSync(join(folder, 'a', 'b'), 'new')).toThrow(/a part of the path is a file/);
});
