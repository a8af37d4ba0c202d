import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {Command} from 'commander';
import {InvarianceError} from '../errors.js';
import {runsFolder} from '../runs-folder.js';
import type {Synced} from '../tracker/index.js';
import {wholeNumber} from './whole-number.js';

interface SyncCommandOptions {
  dir: string;
  project?: string;
  entity?: string;
  id?: string;
  baseUrl?: string;
  timeout?: number;
  json?: true;
}

/** `sync`: what W&B does not hold of recorded runs is sent to it. */
export function syncCommand(): Command {
  return new Command('sync')
    .description('send to W&B what it does not hold of recorded runs; once more is harmless')
    .argument('[runs...]', 'run ids or run folders; default those of the folder that were recorded for W&B')
    .option('--dir <dir>', 'folder of the runs', runsFolder())
    .option('--project <name>', 'W&B project, for runs recorded without one')
    .option('--entity <name>', 'W&B user or team')
    .option('--id <id>', "the run's id in W&B, where its own was deleted there")
    .option('--base-url <url>', 'W&B server, for runs recorded for another one; default WANDB_BASE_URL')
    .option(
      '--timeout <seconds>',
      'give up on a server that stays away for so long (default 120)',
      wholeNumber(1),
    )
    .option('--json', 'print JSON instead of lines')
    .action(sync);
}

async function sync(runs: string[], options: SyncCommandOptions): Promise<void> {
  const {dir, project, entity, id, baseUrl, timeout, json} = options;
  const {wandbPictures} = await import('../plugin/index.js');
  const {listRuns} = await import('../journal/index.js');
  const {syncRun, wandbStateFile} = await import('../tracker/index.js');
  const {runFolder} = await import('./run-folder.js');
  const named = await Promise.all(runs.map(run => runFolder(run, dir)));
  const found = runs.length > 0 ? [] : await listRuns(dir);
  const isForWandb = ({folder}: {folder: string}) => existsSync(join(folder, wandbStateFile));
  const recorded = found.filter(isForWandb).map(({folder}) => folder);
  const folders = [...named, ...recorded];
  if (id !== undefined && folders.length !== 1) {
    throw new InvarianceError('bad_option', `--id names one run; ${folders.length} are to be synced`);
  }
  const others = found.filter(run => run.status === 'read' && !isForWandb(run)).length;
  if (others > 0)
    process.stderr.write(
      `${others} ${others === 1 ? 'run was' : 'runs were'} recorded without W&B and stay here; name them to send them\n`,
    );
  const results: Synced[] = [];
  for (const folder of folders) {
    const onNotice = (message: string) => process.stderr.write(`${message}\n`);
    const timing = timeout === undefined ? {} : {retryForMs: timeout * 1000};
    results.push(
      await syncRun({folder, project, entity, id, baseUrl, timing, pictures: wandbPictures, onNotice}),
    );
    if (!json) process.stdout.write(`${lineOf(results.at(-1)!)}\n`);
  }
  if (json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  else if (folders.length === 0) process.stdout.write(`no runs for W&B in ${dir}\n`);
  if (results.some(({status}) => status !== 'synced')) process.exitCode = 1;
}

function lineOf(result: Synced): string {
  const {folder} = result;
  if (result.status === 'failed') return `${folder}: failed: ${result.message}`;
  const owed = result.status === 'owing' ? `; still owed: ${result.owed}; sync again` : '';
  return `${folder}: ${result.rows} rows, ${result.url}${owed}`;
}
