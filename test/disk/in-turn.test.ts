import {setTimeout as sleep} from 'node:timers/promises';
import {expect, test} from 'vitest';
import {InTurn} from '../../src/disk/index.js';

test('work is done one after another, in the order it was given', async () => {
  const queue = new InTurn();
  const log: string[] = [];
  const work = (name: string, ms: number) => async () => {
    log.push(`${name} begins`);
    await sleep(ms);
    log.push(`${name} ends`);
    return name;
  };
  const results = [queue.do(work('slow', 30)), queue.do(work('quick', 0)), queue.do(() => 'at once')];
  expect(await Promise.all(results)).toEqual(['slow', 'quick', 'at once']);
  expect(log).toEqual(['slow begins', 'slow ends', 'quick begins', 'quick ends']);
});

test('what fails is told to who gave it, and holds up nothing behind it', async () => {
  const queue = new InTurn();
  const failing = queue.do(() => {
    throw new Error('no');
  });
  const next = queue.do(() => 1);
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe(1);
});

test('it is done when all that was given is, failed or not', async () => {
  const queue = new InTurn();
  const log: string[] = [];
  void queue.do(() => sleep(10)).then(() => log.push('slow'));
  queue.do(() => Promise.reject(new Error('no'))).catch(() => log.push('failed'));
  await queue.done();
  expect(log).toEqual(['slow', 'failed']);
});
