import type {Reading, RunEvent, RunInfo, RunState} from '../types.js';

/** What a tracker is told when a run starts. */
export interface StartOptions {
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
 */
export interface Tracker {
  readonly name: string;
  /** Once, before everything else; `resumed` when the run folder already held readings. */
  start(run: RunInfo, options: StartOptions): void | Promise<void>;
  event(event: RunEvent): void | Promise<void>;
  reading(reading: Reading): void | Promise<void>;
  /** Once, at the end; returns when what can be delivered has been. */
  finish(state: Exclude<RunState, 'running'>): void | Promise<void>;
}
