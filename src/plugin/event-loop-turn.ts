import {setImmediate} from 'node:timers/promises';

/** The event loop gets a turn this often, in milliseconds: on backends that never wait, a training loop would starve it. */
const TURN = 100;

/** To be awaited in a loop: lets the event loop run where it has not for a while. Holds when it last had a turn. */
export function createTurns(clock: () => number): () => Promise<void> {
  let last = clock();
  return async () => {
    if (clock() - last <= TURN) return;
    await setImmediate();
    last = clock();
  };
}
