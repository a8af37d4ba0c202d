import {Command, Option} from 'commander';
import type {WatchSummary} from '../watch/index.js';
import {interruptible} from './interrupt.js';
import {addReadingOptions, specOf, type ReadingOptions} from './reading-options.js';
import {addTrackingOptions, trackingOf, type TrackingOptions} from './tracking-options.js';
import {wholeNumber} from './whole-number.js';

interface WatchCommandOptions extends ReadingOptions, TrackingOptions {
  run?: string;
  until: 'final' | 'marker' | 'idle';
  idle?: number;
  pid?: number;
  every?: number;
  json?: true;
}

const HELP = `
Steps, loss and learning rate come from trainer_state.json. Ctrl-C ends the watch after closing the record; the next
watch of the folder goes on where this one stopped.`;

/** `watch`: follows the output folder of a training that runs elsewhere. */
export function watchCommand(): Command {
  const command = new Command('watch')
    .description("measure each checkpoint of a training's output folder as it appears")
    .argument('<folder>', "the training's output folder; may not exist yet");
  addReadingOptions(command, {threads: 1});
  addTrackingOptions(command);
  return command
    .option(
      '--run <id>',
      'id of the run on disk; default the run that watched this folder before, else a new one',
    )
    .addOption(
      new Option(
        '--until <what>',
        'what ends the watch besides --idle: max_steps reached or the marker, the marker only, or nothing',
      )
        .choices(['final', 'marker', 'idle'])
        .default('final'),
    )
    .option(
      '--idle <minutes>',
      'minutes without a new checkpoint that end it; 0 never (default 60)',
      wholeNumber(0),
    )
    .option(
      '--pid <n>',
      'process id of the training: when it has ended, the rest is measured and the watch ends',
      wholeNumber(1),
    )
    .option('--every <n>', 'measure every n-th checkpoint, and the last (default 1)', wholeNumber(1))
    .option('--json', 'print what was measured as JSON')
    .addHelpText('after', HELP)
    .action(watch);
}

async function watch(folder: string, options: WatchCommandOptions): Promise<void> {
  const interrupt = interruptible();
  const {startChildMeasurer} = await import('../measure/index.js');
  const {CHECKPOINTS, watchFolder} = await import('../watch/index.js');
  const {progressLine} = await import('./progress-line.js');
  const progress = progressLine();
  progress.notice(`watching ${folder} for ${CHECKPOINTS}; Ctrl-C ends the watch`);
  const spec = await specOf(options, line => progress.notice(line));
  const measurer = startChildMeasurer(spec, {
    onProgress: step => progress.show(step),
    onNotice: (_, message) => progress.notice(message),
  });
  try {
    const {until, idle, pid, every, dir, run} = options;
    const summary = await watchFolder({
      folder,
      measurer,
      pretrained: spec.pretrained,
      until,
      idle,
      pid,
      every,
      dir,
      run,
      ...(await trackingOf(options, folder)),
      signal: interrupt.signal,
      say: line => progress.notice(line),
      onRun: run => progress.notice(`record: ${run.folder}`),
    });
    progress.end();
    tellSummaries([summary], options);
  } finally {
    interrupt.off();
    progress.end();
    await measurer.close();
  }
}

/** A folder of several that could not be watched. */
export interface FailedFolder {
  watched: string;
  error: string;
}

/** What came of it on standard output, and exit code 1 where a folder gave no reading. */
export function tellSummaries(
  results: readonly (WatchSummary | FailedFolder)[],
  {json}: {json?: true},
): void {
  if (json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  else for (const result of results) process.stdout.write(textOf(result));
  const isFruitless = (result: WatchSummary | FailedFolder): boolean =>
    'error' in result || result.measured.length + result.known.length === 0;
  if (results.some(isFruitless)) process.exitCode = 1;
}

function textOf(result: WatchSummary | FailedFolder): string {
  if ('error' in result) return `${result.watched}: ${result.error}\n`;
  const {run, folder, measured, known, failed, ended} = result;
  const before = known.length > 0 ? `, ${known.length} were on record` : '';
  const lines = [
    `${run}: ${measured.length} ${measured.length === 1 ? 'checkpoint' : 'checkpoints'} measured${before}; ${ended}`,
    ...failed.map(({path, reason}) => `  left out ${path}: ${reason}`),
    `  record and report: ${folder}`,
  ];
  return `${lines.join('\n')}\n`;
}
