#!/usr/bin/env node
import {Command, CommanderError} from 'commander';
import {backfillCommand} from './backfill.js';
import {convertCommand} from './convert.js';
import {compareCommand} from './compare.js';
import {demoCommand} from './demo.js';
import {doctorCommand} from './doctor.js';
import {exportCommand} from './export.js';
import {exitCodeOf, tell} from './failure.js';
import {listCommand} from './list.js';
import {measureCommand} from './measure.js';
import {packageVersion} from './package-version.js';
import {serveCommand} from './serve.js';
import {syncCommand} from './sync.js';
import {watchCommand} from './watch.js';

const program = new Command('wandb-invariance')
  .description('Which layers of a vision transformer keep, and which forget, the invariances of pretraining.')
  .version(packageVersion())
  .exitOverride();

const commands = [
  demoCommand(),
  measureCommand(),
  watchCommand(),
  backfillCommand(),
  compareCommand(),
  convertCommand(),
  listCommand(),
  serveCommand(),
  syncCommand(),
  exportCommand(),
  doctorCommand(),
];
for (const command of commands) program.addCommand(command.copyInheritedSettings(program));

// `wandb-invariance … | head` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  // Commander has said what it had to say; its help and version are no failures.
  if (!(error instanceof CommanderError)) tell(error);
  process.exitCode = exitCodeOf(error);
}
