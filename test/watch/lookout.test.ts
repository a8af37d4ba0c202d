import {mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, describe, expect, it, onTestFinished} from 'vitest';
import {Lookout} from '../../src/watch/lookout.js';
import {openMeasuredCheckpoints} from '../../src/watch/measured-checkpoints.js';
import type {WatchOptions} from '../../src/watch/options.js';
import {createQueue} from '../../src/watch/queue.js';
import {WatchNotices} from '../../src/watch/watch-notices.js';
import {writeCheckpoint} from './checkpoint-writer.js';

const MINUTE = 60_000;
const never = new AbortController().signal;

let scratch: string;
let folder: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'lookout-'));
  folder = join(scratch, 'out');
  mkdirSync(folder);
  onTestFinished(() => rmSync(scratch, {recursive: true, force: true}));
});

/** A lookout under a clock of its own, and what it queued and said. */
async function lookingOut(options: Partial<WatchOptions> = {}) {
  const clock = {now: 0};
  const said: string[] = [];
  const notices = new WatchNotices({notice: () => {}}, line => said.push(line));
  const queue = createQueue({into: join(scratch, 'held'), order: 'oldest'});
  const checkpoints = await openMeasuredCheckpoints({run: scratch, folder, onTrouble: expect.unreachable});
  const lookout = new Lookout({folder, ...options}, {checkpoints, queue, notices, now: () => clock.now});
  const queued = async (): Promise<number[]> => {
    const steps: number[] = [];
    while (!queue.isEmpty()) steps.push((await queue.next())!.found.step);
    return steps;
  };
  return {lookout, clock, queue, queued, notices, checkpoints, said};
}

describe('the lookout', () => {
  it('queues each checkpoint once, and goes on', async () => {
    const {lookout, queued} = await lookingOut();
    expect(await lookout.look(never)).toBeNull();
    expect(lookout.sawCheckpoints).toBe(false);
    await writeCheckpoint(folder, 10);
    expect(await lookout.look(never)).toBeNull();
    expect(lookout.sawCheckpoints).toBe(true);
    expect(await queued()).toEqual([10]);
    await lookout.look(never);
    expect(await queued()).toEqual([]);
  });

  it('leaves out what was measured before', async () => {
    for (const step of [10, 20]) await writeCheckpoint(folder, step);
    const {lookout, queue, checkpoints} = await lookingOut();
    await lookout.look(never);
    checkpoints.done((await queue.next())!.found);
    await checkpoints.saved();
    const again = await lookingOut();
    await again.lookout.look(never);
    expect(await again.queued()).toEqual([20]);
  });

  it('ends where the training reached its last step, said so, or was to be looked at once', async () => {
    await writeCheckpoint(folder, 10, {maxSteps: 10});
    expect(await (await lookingOut()).lookout.look(never)).toBe('step 10 of 10 is reached');
    expect(await (await lookingOut({until: 'marker'})).lookout.look(never)).toBeNull();
    expect(await (await lookingOut({until: 'once'})).lookout.look(never)).toBe(
      'everything that was there is measured',
    );
    writeFileSync(join(folder, 'invariance-finished'), '');
    expect(await (await lookingOut({until: 'marker'})).lookout.look(never)).toBe(
      'invariance-finished is in the folder',
    );
  });

  it('gives a checkpoint that is being written a while after the end, and then leaves it out', async () => {
    const path = await writeCheckpoint(folder, 10);
    truncateSync(join(path, 'model.safetensors'), 100);
    writeFileSync(join(folder, 'invariance-finished'), '');
    const {lookout, clock, notices} = await lookingOut();
    expect(await lookout.look(never)).toBeNull();
    clock.now = 90_000;
    expect(await lookout.look(never)).toBeNull();
    clock.now = 90_001;
    expect(await lookout.look(never)).toBe('invariance-finished is in the folder');
    expect(notices.failed.map(({path}) => path)).toEqual([path]);
  });

  it('says once, after a minute without a break, which checkpoint waits and why', async () => {
    const path = await writeCheckpoint(folder, 10);
    truncateSync(join(path, 'model.safetensors'), 100);
    const {lookout, clock, said} = await lookingOut();
    const lookAt = (now: number) => {
      clock.now = now;
      return lookout.look(never);
    };
    for (const now of [0, MINUTE]) await lookAt(now);
    expect(said).toEqual([]);
    for (const now of [MINUTE + 1, 2 * MINUTE, 3 * MINUTE]) await lookAt(now);
    expect(said).toEqual([expect.stringMatching(/checkpoint-10 waits: .*model\.safetensors/)]);
    const other = await writeCheckpoint(folder, 20);
    truncateSync(join(other, 'model.safetensors'), 100);
    await lookAt(3.5 * MINUTE);
    rmSync(other, {recursive: true});
    await lookAt(4 * MINUTE);
    await writeCheckpoint(folder, 20);
    truncateSync(join(other, 'model.safetensors'), 90);
    await lookAt(5 * MINUTE);
    expect(said).toHaveLength(1);
  });

  it('ends where nothing has come for so many minutes and nothing waits', async () => {
    const {lookout, clock, queued} = await lookingOut({idle: 2});
    clock.now = MINUTE;
    await writeCheckpoint(folder, 10);
    await lookout.look(never);
    clock.now = 4 * MINUTE;
    expect(await lookout.look(never)).toBeNull();
    await queued();
    clock.now = 3 * MINUTE;
    expect(await lookout.look(never)).toBeNull();
    clock.now = 3 * MINUTE + 1;
    expect(await lookout.look(never)).toBe('no new checkpoint for 2 minutes');
  });

  it('takes every so many of them, and always the last', async () => {
    for (const step of [10, 20, 30, 40]) await writeCheckpoint(folder, step);
    const {lookout, queued} = await lookingOut({every: 3, until: 'once'});
    await lookout.look(never);
    expect(await queued()).toEqual([10, 40]);
    await writeCheckpoint(folder, 50);
    const again = await lookingOut({every: 3, until: 'once'});
    await again.lookout.look(never);
    expect(await again.queued()).toEqual([10, 40, 50]);
  });

  it('stops when it is told to, also while it waits for the next look', async () => {
    const stop = new AbortController();
    const {lookout} = await lookingOut({poll: 600});
    const ended = lookout.untilEnd(stop.signal);
    setTimeout(() => stop.abort(), 50);
    expect(await ended).toBe('interrupted');
  });
});
