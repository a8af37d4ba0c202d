import {basename, dirname, resolve} from 'node:path';
import {Option, type Command} from 'commander';
import {runsFolder} from '../runs-folder.js';
import type {Tracker, WandbOptions} from '../tracker/index.js';

/** Where a command that records leaves its record, and with which runs it belongs. */
export interface TrackingOptions {
  dir: string;
  wandb?: WandbOptions['mode'];
  project?: string;
  entity?: string;
  wandbRun?: string;
  group?: string;
  jobType?: string;
  sweep?: string;
}

export function addTrackingOptions(command: Command): void {
  command
    .option('--dir <dir>', 'folder of the runs', runsFolder())
    .addOption(
      new Option('--wandb <mode>', 'default WANDB_MODE, else online where a key is found').choices([
        'online',
        'offline',
        'disabled',
      ]),
    )
    .option('--project <name>', "W&B's project; default WANDB_PROJECT")
    .option('--entity <name>', "W&B's entity; default WANDB_ENTITY")
    .option(
      '--wandb-run <id>',
      "append to the training's own W&B run, by its id, once it has ended; default a run of our own in the group",
    )
    .option(
      '--group <name>',
      "W&B's group of runs; default WANDB_RUN_GROUP, else the folder above the training's",
    )
    .option('--job-type <name>', "W&B's job type; default WANDB_JOB_TYPE, else invariance")
    .option(
      '--sweep <id>',
      'id of the sweep the training belongs to, kept in the config; default WANDB_SWEEP_ID',
    );
}

interface Grouping {
  group: string;
  jobType: string;
  sweep?: string;
}

function groupingOf({group, jobType, sweep}: TrackingOptions, folder: string): Grouping {
  const {WANDB_RUN_GROUP, WANDB_JOB_TYPE, WANDB_SWEEP_ID} = process.env;
  const sweepId = sweep ?? WANDB_SWEEP_ID;
  return {
    group: group ?? WANDB_RUN_GROUP ?? basename(dirname(resolve(folder))),
    jobType: jobType ?? WANDB_JOB_TYPE ?? 'invariance',
    ...(sweepId && {sweep: sweepId}),
  };
}

/** What the run of one training folder is recorded with, and where it goes besides the journal. */
export async function trackingOf(
  options: TrackingOptions,
  folder: string,
): Promise<{config: Record<string, unknown>; trackers: Tracker[]}> {
  const {wandbTracker, withoutRun} = await import('../tracker/index.js');
  const {group, jobType, sweep} = groupingOf(options, folder);
  const {wandb: mode, project, entity, wandbRun: appendTo} = options;
  const settings: WandbOptions = {
    group,
    jobType,
    ...(mode && {mode}),
    ...(project && {project}),
    ...(entity && {entity}),
  };
  return {
    config: {group, job_type: jobType, ...(sweep && {sweep})},
    trackers: [
      wandbTracker({
        ...settings,
        appendTo,
        // Nobody may be there to ask for a key: a training may have started this.
        askKey: null,
        surroundings: {env: withoutRun()},
      }),
    ],
  };
}
