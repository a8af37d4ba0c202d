import {Command} from 'commander';
import {runsFolder} from '../runs-folder.js';
import {wholeNumber} from './whole-number.js';

/** Where runs are served unless told otherwise: this machine only. */
const DEFAULTS = {host: '127.0.0.1', port: 4173} as const;

/** `serve`: the runs of a folder in a browser, following those that go on. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('show the runs of a folder in a browser, live and read-only')
    .argument('[folder]', 'folder of the runs', runsFolder())
    .option('--port <n>', 'port; 0 takes a free one', wholeNumber(0, 65535), DEFAULTS.port)
    .option(
      '--host <address>',
      'address to listen on; others than this machine can read the runs then',
      DEFAULTS.host,
    )
    .option('--json', 'print the address as JSON')
    .action(async (folder: string, {port, host, json}: {port: number; host: string; json?: true}) => {
      const {serveRuns} = await import('../server/index.js');
      const {checkRunsFolder} = await import('./run-folder.js');
      checkRunsFolder(folder);
      const server = await serveRuns({folder, host, port});
      process.stdout.write(json ? `${JSON.stringify({url: server.url})}\n` : `${server.url}\n`);
      const end = (): void => void server.close();
      process.once('SIGINT', end);
      process.once('SIGTERM', end);
    });
}
