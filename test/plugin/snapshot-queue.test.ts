import {existsSync, mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, describe, expect, it, onTestFinished} from 'vitest';
import {openSnapshots, type Snapshots} from '../../src/checkpoints/index.js';
import {SnapshotQueue} from '../../src/plugin/snapshot-queue.js';

let dir: string;
let snapshots: Snapshots;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'snapshots-')), 'snapshots');
  snapshots = openSnapshots(dir);
  onTestFinished(() => rmSync(dir, {recursive: true, force: true}));
});

const take = (step: number) =>
  snapshots.take(
    {step, epoch: null, time: 0, logged: {}},
    {
      acquire: false,
      save: async (folder, files = {}) => {
        await mkdir(folder, {recursive: true});
        for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text as string);
      },
    },
  );
const onDisk = () =>
  (existsSync(dir) ? readdirSync(dir) : []).map(name => Number(name.slice(5))).sort((a, b) => a - b);

describe('the queue of snapshots', () => {
  it('hands them out in the order they were taken, and knows the one in work', async () => {
    const queue = new SnapshotQueue(snapshots);
    for (const step of [1, 2, 3]) expect(await queue.add(await take(step))).toEqual([]);
    expect(queue.next()!.moment.step).toBe(1);
    expect(queue.steps()).toEqual([1, 2, 3]);
    expect(queue.find(1)!.folder).toBe(join(dir, 'step-1'));
    expect(queue.next()!.moment.step).toBe(2);
    expect(queue.steps()).toEqual([2, 3]);
    expect(queue.find(1)).toBeUndefined();
    queue.next();
    expect(queue.next()).toBeNull();
    expect(queue.steps()).toEqual([]);
  });

  it('gives up those nearest to another where too many wait, with their files', async () => {
    const queue = new SnapshotQueue(snapshots, 3);
    const given: number[] = [];
    for (const step of [10, 20, 30, 31, 50]) given.push(...(await queue.add(await take(step))));
    expect(queue.steps()).toHaveLength(3);
    expect(queue.steps()).toEqual(expect.arrayContaining([10, 50]));
    expect([...queue.steps(), ...given].sort((a, b) => a - b)).toEqual([10, 20, 30, 31, 50]);
    expect(onDisk()).toEqual(queue.steps());
  });

  it('keeps all but what it gives up, whatever is taken up meanwhile', async () => {
    const queue = new SnapshotQueue(
      {
        ...snapshots,
        remove: async snapshot => {
          for (let taken = 0; taken < 2; taken++) queue.next();
          await snapshots.remove(snapshot);
        },
      },
      3,
    );
    for (const step of [10, 20, 30]) await queue.add(await take(step));
    expect(await queue.add(await take(40))).toEqual([20]);
    expect(queue.steps()).toEqual([30, 40]);
  });

  it('takes up what a killed process left to measure, and removes what it left beyond', async () => {
    for (const step of [5, 10, 15, 20]) await take(step);
    const queue = new SnapshotQueue(snapshots);
    await queue.restore({step: 15, recorded: new Set([5])});
    expect(queue.steps()).toEqual([10, 15]);
    expect(onDisk()).toEqual([10, 15]);
  });

  it('begins a fresh run with none', async () => {
    await take(5);
    const queue = new SnapshotQueue(snapshots);
    await queue.restore(null);
    expect(queue.steps()).toEqual([]);
    expect(onDisk()).toEqual([]);
  });
});
