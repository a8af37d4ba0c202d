import type {Reading, RunEvent, RunInfo, RunState} from '../types.js';
import type {Tracker} from './contract.js';

/** A tracker that keeps copies of all it is given, for tests and for programs that show a run themselves. */
export interface MemoryTracker extends Tracker {
  /** Null before the start. */
  readonly run: RunInfo | null;
  /** The run folder already held readings at the start. */
  readonly resumed: boolean;
  /** In the order they came. */
  readonly readings: readonly Reading[];
  /** In the order they came. */
  readonly events: readonly RunEvent[];
  /** 'running' until the end. */
  readonly state: RunState;
}

/**
 * Keeps everything in memory: about 20 kB a reading of 13 layers, 100 bytes a `logged` event.
 *
 * @example
 * import {memoryTracker} from 'wandb-invariance';
 *
 * const memory = memoryTracker(); // pass it to monitorInvariance({…, trackers: [memory]})
 * console.log(memory.readings.at(-1)?.scores);
 */
export function memoryTracker(): MemoryTracker {
  const readings: Reading[] = [];
  const events: RunEvent[] = [];
  let run: RunInfo | null = null;
  let resumed = false;
  let state: RunState = 'running';
  return {
    name: 'memory',
    readings,
    events,
    get run() {
      return run;
    },
    get resumed() {
      return resumed;
    },
    get state() {
      return state;
    },
    start(info, options) {
      run = structuredClone(info);
      resumed = options.resumed;
      state = 'running';
    },
    event(event) {
      events.push(structuredClone(event));
    },
    reading(reading) {
      readings.push(structuredClone(reading));
    },
    finish(end) {
      state = end;
    },
  };
}
