import {basename, dirname, resolve} from 'node:path';
import type {Command} from 'commander';
import {WATCH_DEFAULTS} from '../plugin/index.js';

/** Where a command that records leaves its record, and with which runs it belongs. */
export interface TrackingOptions {
  dir: string;
  group?: string;
  jobType?: string;
  sweep?: string;
}

export function addTrackingOptions(command: Command): void {
  command
    .option('--dir <dir>', 'folder of the runs', WATCH_DEFAULTS.dir)
    .option('--group <name>', "W&B's group of runs; default the folder above the training's")
    .option('--job-type <name>', "W&B's job type (default invariance)")
    .option('--sweep <id>', 'id of the sweep the training belongs to; default WANDB_SWEEP_ID');
}

/** What W&B groups runs by, for the run of one training folder. */
export function groupingOf({group, jobType, sweep}: TrackingOptions, folder: string): Record<string, string> {
  const sweepId = sweep ?? process.env.WANDB_SWEEP_ID;
  return {
    group: group ?? process.env.WANDB_RUN_GROUP ?? basename(dirname(resolve(folder))),
    job_type: jobType ?? process.env.WANDB_JOB_TYPE ?? 'invariance',
    ...(sweepId && {sweep: sweepId}),
  };
}
