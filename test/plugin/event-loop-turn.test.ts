import {expect, it} from 'vitest';
import {createTurns} from '../../src/plugin/event-loop-turn.js';

it('lets the event loop run where it has not for a tenth of a second, and only then', async () => {
  const clock = {now: 0};
  const giveTurn = createTurns(() => clock.now);
  let turns = 0;
  setImmediate(() => turns++);
  clock.now = 100;
  await giveTurn();
  expect(turns).toBe(0);
  clock.now = 101;
  await giveTurn();
  expect(turns).toBe(1);
  setImmediate(() => turns++);
  await giveTurn();
  expect(turns).toBe(1);
});
