import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {InvarianceError, messageOf} from '../errors.js';
import type {OptimizerHeader} from './optimizer-file.js';

/** When something recurs during training; `parseCadence` makes one of what a user writes. */
export type Cadence =
  | {kind: 'steps'; every: number}
  | {kind: 'epochs'; every: number}
  /** `every` in milliseconds of wall time. */
  | {kind: 'time'; every: number}
  /** Exactly these optimiser steps, ascending. */
  | {kind: 'list'; steps: readonly number[]}
  /** Steps 1, base, base², …, rounded. */
  | {kind: 'log'; base: number};

/**
 * What readings may cost: a share of training time.
 *
 * Two costs are kept apart. While the training thread is **blocked** (a snapshot, a reading in process) training
 * stands still. While the measuring child is **busy** training goes on, but on one core less: the time it was on a
 * core (not the time it waited for one) is charged as its share of the machine's cores.
 */
export interface Spending {
  /** Milliseconds since training began, blocked time left out. */
  training: number;
  blocked: number;
  /** Milliseconds of a core that the measuring child has used. */
  child: number;
}

/** Where training stands, as a checkpoint keeps it: enough to go on in the same run with the next batch. */
export interface TrainingState {
  format: 1;
  /** Id of the run. */
  run: string;
  /** Fingerprint of what the run's readings measure. */
  fingerprint: string;
  /** Optimiser steps done. */
  step: number;
  /** Fractional; null where unknown. */
  epoch: number | null;
  /** Whole epochs done, and batches done since: the position in the data. */
  epochs: number;
  batch: number;
  stepsPerEpoch: number | null;
  /** The cadence of readings that was asked for, and as the budget has stretched it. */
  every: {asked: Cadence; now: Cadence};
  /** What readings have cost so far. */
  spending: Spending;
  /** What `optimizer.safetensors` leaves out; null where no optimiser was known. */
  optimizer: OptimizerHeader | null;
  /** Unix milliseconds. */
  time: number;
}

/** Its file in a checkpoint folder. */
export const TRAINING_STATE_FILE = 'invariance_state.json';

/** @throws InvarianceError `bad_record` where the folder is not a checkpoint that a monitor wrote */
export async function readTrainingState(folder: string): Promise<TrainingState> {
  const path = join(folder, TRAINING_STATE_FILE);
  let state: TrainingState;
  try {
    state = JSON.parse(await readFile(path, 'utf8')) as TrainingState;
  } catch (cause) {
    throw new InvarianceError(
      'bad_record',
      `cannot resume from ${folder}: ${messageOf(cause)}; name a checkpoint folder that monitorInvariance wrote`,
      {cause},
    );
  }
  if (state.format !== 1) {
    throw new InvarianceError(
      'bad_record',
      `${path} has format ${String(state.format)}; this version reads format 1`,
    );
  }
  return state;
}
