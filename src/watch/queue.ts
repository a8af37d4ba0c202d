import {thin} from '../measure/index.js';
import {holdCheckpoint, type Held} from './hold-checkpoint.js';
import type {Stepped} from './scan.js';

/** A checkpoint on its way to be measured. */
export interface Waiting {
  found: Stepped;
  held: Held;
}

/** Checkpoints that wait to be measured, each held so that it does not go away. */
export interface Queue {
  /** @throws InvarianceError `bad_weights` for one that must not be held */
  add(found: Stepped): Promise<void>;
  remove(path: string): Promise<void>;
  /**
   * Gives up checkpoints that only the queue has any more where these hold more than so many bytes: so that those left
   * still cover the run evenly. Returns the steps given up.
   */
  limit(bytes: number): Promise<number[]>;
  isEmpty(): boolean;
  /** The next to be measured, once there is one; undefined after the end. */
  next(): Promise<Waiting | undefined>;
  /** Nothing follows: what waits is still handed out. */
  close(): void;
  /** Nothing more is handed out. */
  stop(): void;
}

/** @param into folder that holds them */
export function createQueue({into, order}: {into: string; order: 'oldest' | 'newest'}): Queue {
  let waiting: Waiting[] = [];
  let state: 'open' | 'closed' | 'stopped' = 'open';
  let wake = (): void => {};

  async function giveUp(dropped: readonly Waiting[]): Promise<void> {
    waiting = waiting.filter(each => !dropped.includes(each));
    for (const {held} of dropped) await held.release();
  }

  return {
    async add(found) {
      waiting.push({found, held: await holdCheckpoint(found.path, into)});
      waiting.sort((a, b) => (a.found.step - b.found.step) * (order === 'oldest' ? 1 : -1));
      wake();
    },
    remove: path => giveUp(waiting.filter(({found}) => found.path === path)),
    async limit(bytes) {
      const sizes = await Promise.all(
        waiting.map(async each => ({each, step: each.found.step, bytes: await each.held.bytes()})),
      );
      let owned = sizes.filter(({bytes}) => bytes > 0).sort((a, b) => a.step - b.step);
      const dropped: typeof owned = [];
      while (owned.length > 2 && owned.reduce((sum, {bytes}) => sum + bytes, 0) > bytes) {
        const [step] = thin(
          owned.map(({step}) => step),
          owned.length - 1,
        );
        dropped.push(...owned.filter(each => each.step === step));
        owned = owned.filter(each => each.step !== step);
      }
      // What was taken up meanwhile is measured.
      const left = dropped.filter(({each}) => waiting.includes(each));
      await giveUp(left.map(({each}) => each));
      return left.map(({step}) => step);
    },
    isEmpty: () => waiting.length === 0,
    async next() {
      while (waiting.length === 0 && state === 'open') await new Promise<void>(resolve => (wake = resolve));
      return state === 'stopped' ? undefined : waiting.shift();
    },
    close() {
      if (state === 'open') state = 'closed';
      wake();
    },
    stop() {
      state = 'stopped';
      wake();
    },
  };
}
