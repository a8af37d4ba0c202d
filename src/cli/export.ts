import {Command} from 'commander';
import {runsFolder} from '../runs-folder.js';

interface ExportCommandOptions {
  dir: string;
  out: string;
  json?: true;
}

/** `export`: a recorded run as a file of another program's. */
export function exportCommand(): Command {
  return new Command('export')
    .description("write a recorded run as W&B's official client records one offline, for `wandb sync`")
    .argument('<run>', 'run id or run folder')
    .option('--wandb', "the format: W&B's offline log, the only one there is")
    .option('--dir <dir>', 'folder of the runs', runsFolder())
    .option('--out <dir>', 'folder in which offline-run-<date>_<time>-<id> is made', 'wandb')
    .option('--json', 'print JSON instead of a line')
    .action(exportRun);
}

async function exportRun(run: string, {dir, out, json}: ExportCommandOptions): Promise<void> {
  const {wandbPictures} = await import('../plugin/index.js');
  const {exportOfflineLog} = await import('../tracker/index.js');
  const {runFolder} = await import('./run-folder.js');
  const folder = await runFolder(run, dir);
  const onNotice = (message: string) => process.stderr.write(`${folder}: ${message}\n`);
  const exported = await exportOfflineLog({folder, out, pictures: wandbPictures, onNotice});
  process.stdout.write(
    json
      ? `${JSON.stringify(exported, null, 2)}\n`
      : `${folder}: ${exported.rows} rows, send them with: wandb sync ${exported.offlineRun}\n`,
  );
}
