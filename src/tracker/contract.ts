import type {Reading, RunEvent, RunInfo, RunState} from '../types.js';

/** What a tracker is told when a run starts. */
export interface StartOptions {
  /** The run folder already held readings. */
  resumed: boolean;
  /** The run folder that the journal writes. */
  folder: string;
}

/**
 * Something that records a run: the journal, the console, memory, W&B.
 *
 * ```
 * start ─► (event | reading)* ─► finish
 * ```
 * The journal is always first and is durable when its call returns; the others get the same calls after it, and
 * whatever they throw is turned into a notice by the caller, never into a failure of the training.
 * Every implementation passes `test/tracker/contract.ts`.
 *
 * @example
 * import {appendFile} from 'node:fs/promises';
 * import {scalarsOf, type Baseline, type Tracker} from 'wandb-invariance';
 *
 * // A tracker of one's own: a line of JSON a reading.
 * function jsonLines(path: string): Tracker {
 *   let baseline: Baseline | null = null;
 *   return {
 *     name: 'json-lines',
 *     start() {},
 *     event(event) {
 *       if (event.type === 'baseline') baseline = event.baseline;
 *     },
 *     reading: reading => appendFile(path, `${JSON.stringify(scalarsOf(reading, baseline))}\n`),
 *     finish() {},
 *   };
 * }
 */
export interface Tracker {
  /** Named in notices about it. */
  readonly name: string;
  /** Once, before everything else. */
  start(run: RunInfo, options: StartOptions): void | Promise<void>;
  /** Everything that happens and is no reading, in order. */
  event(event: RunEvent): void | Promise<void>;
  /** One moment; it may come long after its step. Copy what you keep. */
  reading(reading: Reading): void | Promise<void>;
  /** Once, at the end; returns when what can be delivered has been. */
  finish(state: Exclude<RunState, 'running'>): void | Promise<void>;
}
