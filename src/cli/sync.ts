import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {Command} from 'commander';
import {InvarianceError} from '../errors.js';
import {wandbPictures} from '../plugin/index.js';
import {listRuns, runFiles, runsFolder, syncRun, type Synced} from '../tracker/index.js';

interface SyncCommandOptions {
  dir: string;
  project?: string;
  entity?: string;
  id?: string;
  json?: true;
}

/** `sync`: what W&B does not hold of recorded runs is sent to it. */
export function syncCommand(): Command {
  return new Command('sync')
    .description('send to W&B what it does not hold of recorded runs; once more is harmless')
    .argument('[runs...]', 'run ids or run folders; default all runs of the folder')
    .option('--dir <dir>', 'folder of the runs', runsFolder())
    .option('--project <name>', 'W&B project, for runs recorded without one')
    .option('--entity <name>', 'W&B user or team')
    .option('--id <id>', "the run's id in W&B, where its own was deleted there")
    .option('--json', 'print JSON instead of lines')
    .action(async (runs: string[], options: SyncCommandOptions) => {
      const folders =
        runs.length > 0
          ? runs.map(run => folderOf(run, options.dir))
          : (await listRuns(options.dir)).map(({folder}) => folder);
      if (options.id !== undefined && folders.length !== 1) {
        throw new InvarianceError('bad_option', `--id names one run; ${folders.length} are to be synced`);
      }
      const {project, entity, id} = options;
      const results: Synced[] = [];
      for (const folder of folders) {
        const onNotice = (message: string) => process.stderr.write(`${message}\n`);
        results.push(await syncRun({folder, project, entity, id, pictures: wandbPictures, onNotice}));
        if (!options.json) process.stdout.write(`${lineOf(results.at(-1)!)}\n`);
      }
      if (options.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
      else if (folders.length === 0) process.stdout.write(`no runs in ${options.dir}\n`);
      if (results.some(({status}) => status === 'failed')) process.exitCode = 1;
    });
}

function folderOf(run: string, dir: string): string {
  return existsSync(join(run, runFiles.info)) ? run : join(dir, run);
}

function lineOf(result: Synced): string {
  return result.status === 'synced'
    ? `${result.folder}: ${result.rows} rows, ${result.url}`
    : `${result.folder}: failed: ${result.message}`;
}
