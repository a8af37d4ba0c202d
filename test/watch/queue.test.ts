import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, describe, expect, it, onTestFinished} from 'vitest';
import {holdCheckpoint} from '../../src/watch/hold-checkpoint.js';
import {createQueue} from '../../src/watch/queue.js';
import type {Stepped} from '../../src/watch/scan.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'queue-'));
  onTestFinished(() => rmSync(folder, {recursive: true, force: true}));
});

const held = () => join(folder, 'held');

/** A checkpoint of 1,000 bytes of weights. */
function put(step: number): Stepped {
  const path = join(folder, `checkpoint-${step}`);
  mkdirSync(path);
  writeFileSync(join(path, 'model.safetensors'), Buffer.alloc(1000));
  writeFileSync(join(path, 'config.json'), '{}');
  writeFileSync(join(path, 'optimizer.safetensors'), Buffer.alloc(5000));
  return {
    path,
    format: 'trainer',
    step,
    epoch: null,
    complete: true,
    waiting: null,
    pickled: false,
    mtime: 1,
  };
}

describe('holdCheckpoint', () => {
  it('keeps what a reading needs of a checkpoint that is deleted, and gives it up when released', async () => {
    const {path} = put(10);
    const {path: place, bytes, release} = await holdCheckpoint(path, held());
    expect(await bytes()).toBe(0);
    rmSync(path, {recursive: true});
    expect(readdirSync(place).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(await bytes()).toBe(1002);
    await release();
    expect(readdirSync(held())).toEqual([]);
  });

  it('leaves a checkpoint where it is where no place can be made for it', async () => {
    const {path} = put(10);
    writeFileSync(held(), '');
    const {path: place, release} = await holdCheckpoint(path, held());
    await release();
    expect(place).toBe(path);
    expect(existsSync(path)).toBe(true);
  });

  it("refuses a link that leaves the checkpoint, but for the Hugging Face cache's own", async () => {
    const {path} = put(10);
    writeFileSync(join(folder, 'elsewhere'), 'secret');
    symlinkSync('../elsewhere', join(path, 'trainer_state.json'));
    await expect(holdCheckpoint(path, held())).rejects.toThrow('is a link that leaves the folder');
    expect(readdirSync(held())).toEqual([]);

    const model = join(folder, 'models--org--vit');
    const snapshot = join(model, 'snapshots', '0123');
    for (const place of [join(model, 'blobs'), snapshot]) mkdirSync(place, {recursive: true});
    writeFileSync(join(model, 'blobs', 'abc'), 'weights');
    symlinkSync('../../blobs/abc', join(snapshot, 'model.safetensors'));
    const {path: place} = await holdCheckpoint(snapshot, held());
    expect(readFileSync(join(place, 'model.safetensors'), 'utf8')).toBe('weights');
  });
});

describe('the queue', () => {
  it('gives up deleted checkpoints beyond its bytes, evenly, and never the first or the newest', async () => {
    const queue = createQueue({into: held(), order: 'oldest'});
    const checkpoints = [10, 20, 30, 40, 50].map(put);
    for (const checkpoint of checkpoints) await queue.add(checkpoint);
    expect(await queue.limit(2500)).toEqual([]);
    for (const {path} of checkpoints) rmSync(path, {recursive: true});
    const dropped = await queue.limit(3500);
    expect(dropped).toHaveLength(2);
    queue.close();
    const steps: number[] = [];
    for (let next = await queue.next(); next; next = await queue.next()) steps.push(next.found.step);
    expect(steps).toEqual([10, 20, 30, 40, 50].filter(step => !dropped.includes(step)));
    expect(steps).toEqual(expect.arrayContaining([10, 50]));
    expect(readdirSync(held())).toHaveLength(3);
  });

  it('hands out what comes, in its order, until it is closed and empty, or stopped', async () => {
    const queue = createQueue({into: held(), order: 'newest'});
    const first = queue.next();
    await queue.add(put(10));
    expect((await first)!.found.step).toBe(10);
    for (const step of [20, 30, 40]) await queue.add(put(step));
    queue.close();
    expect((await queue.next())!.found.step).toBe(40);
    await queue.remove(join(folder, 'checkpoint-30'));
    expect((await queue.next())!.found.step).toBe(20);
    expect(await queue.next()).toBeUndefined();
    await queue.add(put(50));
    queue.stop();
    expect(await queue.next()).toBeUndefined();
  });
});
