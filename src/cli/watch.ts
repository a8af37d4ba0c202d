import {Command, Option} from 'commander';
import {startMeasuring, watchFolder, type WatchSummary} from '../plugin/index.js';
import {addMeasuringOptions, specOf, type MeasuringOptions} from './measuring-options.js';
import {progressLine} from './progress-line.js';
import {addTrackingOptions, trackingOf, type TrackingOptions} from './tracking-options.js';
import {wholeNumber} from './whole-number.js';

interface WatchCommandOptions extends MeasuringOptions, TrackingOptions {
  run?: string;
  until: 'final' | 'marker' | 'idle';
  idle?: number;
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
  addMeasuringOptions(command, {threads: 1});
  addTrackingOptions(command);
  return command
    .option(
      '--run <id>',
      'id of the run on disk; default derived from the folder, so a second watch goes on in it',
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
    .option('--every <n>', 'measure every n-th checkpoint, and the last (default 1)', wholeNumber(1))
    .option('--json', 'print what was measured as JSON')
    .addHelpText('after', HELP)
    .action(watch);
}

async function watch(folder: string, options: WatchCommandOptions): Promise<void> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const progress = progressLine();
  const spec = await specOf(options, line => progress.notice(line));
  const measuring = startMeasuring(spec, {
    onProgress: step => progress.show(step),
    onNotice: (_, message) => progress.notice(message),
  });
  try {
    const {until, idle, every, dir, run} = options;
    const summary = await watchFolder({
      folder,
      measuring,
      pretrained: spec.pretrained,
      until,
      idle,
      every,
      dir,
      run,
      ...trackingOf(options, folder),
      signal: stop.signal,
      say: line => progress.notice(line),
    });
    progress.end();
    tellSummaries([summary], options);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    progress.end();
    await measuring.close();
  }
}

/** What came of it on standard output, and exit code 1 where no checkpoint could be measured. */
export function tellSummaries(summaries: readonly WatchSummary[], {json}: {json?: true}): void {
  if (json) process.stdout.write(`${JSON.stringify(summaries, null, 2)}\n`);
  else for (const summary of summaries) process.stdout.write(textOf(summary));
  const isFruitless = ({measured, known}: WatchSummary): boolean =>
    ![...measured, ...known].some(step => step > 0);
  if (summaries.some(isFruitless)) process.exitCode = 1;
}

function textOf({run, folder, measured, known, failed, ended}: WatchSummary): string {
  const count = measured.filter(step => step > 0).length;
  const before = known.filter(step => step > 0).length;
  const lines = [
    `${run}: ${count} checkpoints measured${before > 0 ? `, ${before} were on record` : ''}; ${ended}`,
    ...failed.map(({path, reason}) => `  left out ${path}: ${reason}`),
    `  record and report: ${folder}`,
  ];
  return `${lines.join('\n')}\n`;
}
