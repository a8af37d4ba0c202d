import {existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, expect, it, onTestFinished} from 'vitest';
import {openMeasuredCheckpoints} from '../../src/watch/measured-checkpoints.js';

let run: string;
beforeEach(() => {
  const scratch = mkdtempSync(join(tmpdir(), 'measured-checkpoints-'));
  run = join(scratch, 'run');
  mkdirSync(run);
  onTestFinished(() => rmSync(scratch, {recursive: true, force: true}));
});

const path = '/out/checkpoint-10';

it('is there again when it is opened again', async () => {
  const folder = '/out';
  const checkpoints = await openMeasuredCheckpoints({run, folder, onTrouble: expect.unreachable});
  checkpoints.place('/out/mine.safetensors', 11);
  checkpoints.done({path, step: 10, mtime: 5});
  await checkpoints.saved();
  const again = await openMeasuredCheckpoints({run, folder, onTrouble: expect.unreachable});
  expect(again.isDone({path, mtime: 5})).toBe(true);
  expect(again.isDone({path, mtime: 6})).toBe(false);
  expect(again.isDone({path: '/out/mine.safetensors', mtime: 5})).toBe(false);
  expect(again.stepOf('/out/mine.safetensors')).toBe(11);
  expect(again.lastStep()).toBe(11);
});

it('says once that the disk does not take it, and goes on', async () => {
  const troubles: string[] = [];
  const checkpoints = await openMeasuredCheckpoints({
    run,
    folder: '/out',
    onTrouble: message => troubles.push(message),
  });
  rmSync(run, {recursive: true});
  writeFileSync(run, '');
  for (const mtime of [1, 2]) {
    checkpoints.done({path, step: 10, mtime});
    await checkpoints.saved();
  }
  expect(troubles).toEqual([expect.stringContaining('watched.json')]);
  expect(checkpoints.isDone({path, mtime: 2})).toBe(true);
  expect(existsSync(join(run, 'watched.json'))).toBe(false);
});
