import {beforeEach, describe, expect, it} from 'vitest';
import {Lane} from '../../../../src/tracker/wandb/delivery/lane.js';
import {createBackoff} from '../../../../src/tracker/wandb/protocol/backoff.js';
import {connect} from '../../../../src/tracker/wandb/protocol/connection.js';
import {quickTiming} from '../quick-timing.js';

const timing = {...quickTiming, storageForMs: 100, retryFirstMs: 10, retryMaxMs: 1_000};
/** Milliseconds of the lane's clock, which only waiting moves on. */
let now: number;
let waiting: string[];
/** Each item that was begun. */
let sent: string[];
let said: string[];
/** Those that W&B does not take. */
let refused: Set<string>;
let lane: Lane;
beforeEach(() => {
  [now, waiting, sent, said, refused] = [0, ['a', 'b', 'c'], [], [], new Set()];
  const sleep = (ms: number) => Promise.resolve(void (now += ms));
  const connection = {
    ...connect({baseUrl: 'http://localhost', apiKey: '', timing, sleep}),
    now: () => now,
    newBackoff: (retryForMs = 0) =>
      createBackoff({timing: {...timing, retryForMs}, sleep, now: () => now, random: () => 1}),
  };
  lane = new Lane({
    connection,
    waiting: () => waiting,
    async deliver(key, {backoff}) {
      sent.push(key);
      while (refused.has(key)) if (!(await backoff.failure(null))) throw new Error('no');
      waiting = waiting.filter(other => other !== key);
    },
    failed: (key, reason) => `${key}: ${reason}`,
    onNotice: message => said.push(message),
  });
});

/** Pokes the lane, and gives what it sends then. */
async function poked(): Promise<string[]> {
  sent = [];
  lane.poke();
  await new Promise(resolve => setTimeout(resolve, 5));
  return sent;
}

describe('a lane', () => {
  it('sends what waits, one after the other, and what comes meanwhile', async () => {
    const sending = poked();
    waiting.push('d');
    lane.poke();
    expect(await sending).toEqual(['a', 'b', 'c', 'd']);
    expect(waiting).toEqual([]);
  });

  it('goes past what fails, says so once, and tries it again when it has rested', async () => {
    refused.add('b');
    expect(await poked()).toEqual(['a', 'b', 'c']);
    expect(await poked()).toEqual([]);
    now += timing.retryMaxMs;
    expect(await poked()).toEqual(['b']);
    expect(said).toEqual(['b: no']);
    refused.clear();
    now += timing.retryMaxMs;
    expect(await poked()).toEqual(['b']);
    expect(waiting).toEqual([]);
  });

  it('waits for one server once, however many items it does not take', async () => {
    refused = new Set(waiting);
    expect(await poked()).toEqual(['a', 'b', 'c']);
    expect(now).toBeGreaterThan(timing.storageForMs / 2);
    expect(now).toBeLessThanOrEqual(timing.storageForMs);
  });

  it('tries all that is left once more in the end, rested or not', async () => {
    refused = new Set(['a', 'b']);
    await poked();
    refused.delete('a');
    await lane.finish();
    expect(sent).toEqual(['a', 'b', 'c', 'a', 'b']);
    expect(waiting).toEqual(['b']);
    expect(said).toEqual(['a: no', 'b: no']);
  });

  it('begins and says nothing once it is stopped', async () => {
    refused.add('a');
    const sending = poked();
    const stopped = lane.stop();
    expect(await sending).toEqual(['a']);
    await stopped;
    expect(await poked()).toEqual([]);
    expect(said).toEqual([]);
  });
});
