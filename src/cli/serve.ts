import {Command} from 'commander';
import {SERVE_DEFAULTS, serveRuns} from '../server/index.js';
import {runsFolder} from '../tracker/index.js';
import {checkRunsFolder} from './run-folder.js';
import {wholeNumber} from './whole-number.js';

/** `serve`: the runs of a folder in a browser, following those that go on. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('show the runs of a folder in a browser, live and read-only')
    .argument('[folder]', 'folder of the runs', runsFolder())
    .option('--port <n>', 'port; 0 takes a free one', wholeNumber(0, 65535), SERVE_DEFAULTS.port)
    .option(
      '--host <address>',
      'address to listen on; others than this machine can read the runs then',
      SERVE_DEFAULTS.host,
    )
    .option('--json', 'print the address as JSON')
    .action(async (folder: string, {port, host, json}: {port: number; host: string; json?: true}) => {
      checkRunsFolder(folder);
      const {url, close} = await serveRuns({folder, host, port});
      process.stdout.write(json ? `${JSON.stringify({url})}\n` : `${url}\n`);
      const end = (): void => void close();
      process.once('SIGINT', end);
      process.once('SIGTERM', end);
    });
}
