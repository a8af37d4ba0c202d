import {existsSync} from 'node:fs';
import {readdir} from 'node:fs/promises';
import {basename, join} from 'node:path';
import {messageOf} from '../errors.js';
import type {Reading, RunInfo, RunState} from '../types.js';
import {divergenceOf, type Divergence} from '../divergence.js';
import {readRun} from './read-run.js';
import {runFiles} from './run-files.js';

/** What a list says of a run, without its records. */
export interface RunSummary {
  status: 'read';
  folder: string;
  info: RunInfo;
  state: RunState;
  /** Null where no record says that the training diverged. */
  diverged: Divergence | null;
  readings: number;
  last: Reading | null;
  /** Values of the training at the step of that reading, those of an epoch that ended there among them. */
  logged: Readonly<Record<string, number>>;
  /** Lines that were left out, for people. */
  problems: string[];
}

/** A run folder that cannot be read, with the reason. */
export interface UnreadableRun {
  status: 'unreadable';
  folder: string;
  /** Of the folder. */
  name: string;
  problem: string;
}

/**
 * The runs under a folder such as `invariance/`, newest first, then those that cannot be read; folders that are no runs are
 * left out.
 */
export async function listRuns(folder: string): Promise<(RunSummary | UnreadableRun)[]> {
  const entries = await readdir(folder, {withFileTypes: true}).catch(() => []);
  const runs: RunSummary[] = [];
  const unreadable: UnreadableRun[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory() || !existsSync(join(path, runFiles.info))) continue;
    try {
      const {info, state, events, readings, problems} = await readRun(path);
      const last = readings.at(-1) ?? null;
      const diverged = divergenceOf(events);
      const beside = events.flatMap(event =>
        event.type === 'logged' && event.step === last?.step ? [event.values] : [],
      );
      runs.push({
        status: 'read',
        folder: path,
        info,
        state,
        diverged,
        readings: readings.length,
        last,
        logged: Object.assign({}, last?.logged, ...beside) as Record<string, number>,
        problems,
      });
    } catch (error) {
      unreadable.push({status: 'unreadable', folder: path, name: basename(path), problem: messageOf(error)});
    }
  }
  return [...runs.sort((a, b) => b.info.created - a.info.created), ...unreadable];
}

/** Those that can be read. */
export function readable(runs: readonly (RunSummary | UnreadableRun)[]): RunSummary[] {
  return runs.filter(run => run.status === 'read');
}
