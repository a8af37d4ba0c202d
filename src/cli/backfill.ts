import {availableParallelism} from 'node:os';
import {Command} from 'commander';
import {InvarianceError, messageOf} from '../errors.js';
import type {WatchSummary} from '../watch/index.js';
import {interruptible} from './interrupt.js';
import {addReadingOptions, specOf, type ReadingOptions} from './reading-options.js';
import {addTrackingOptions, trackingOf, type TrackingOptions} from './tracking-options.js';
import {tellSummaries, type FailedFolder} from './watch.js';
import {wholeNumber} from './whole-number.js';

interface BackfillOptions extends ReadingOptions, TrackingOptions {
  every?: number;
  json?: true;
}

/** `backfill`: the same as `watch`, once, over folders that are there already. */
export function backfillCommand(): Command {
  const command = new Command('backfill')
    .description('measure the checkpoints of old training folders, newest first')
    .argument('<folders...>', 'output folders of finetunes of one pretrained model; one run each');
  addReadingOptions(command, {threads: availableParallelism()});
  addTrackingOptions(command);
  return command
    .option('--every <n>', 'measure every n-th checkpoint, and the last (default 1)', wholeNumber(1))
    .option('--json', 'print what was measured as JSON')
    .action(backfill);
}

async function backfill(folders: string[], options: BackfillOptions): Promise<void> {
  if (options.wandbRun !== undefined && folders.length > 1)
    throw new InvarianceError(
      'bad_option',
      `invalid --wandb-run ${options.wandbRun} for ${folders.length} folders: their steps would mix; give one folder`,
    );
  const interrupt = interruptible();
  const {startChildMeasurer} = await import('../measure/index.js');
  const {watchFolder} = await import('../watch/index.js');
  const {progressLine} = await import('./progress-line.js');
  const progress = progressLine();
  const spec = await specOf(options, line => progress.notice(line));
  const measurer = startChildMeasurer(spec, {
    onProgress: step => progress.show(step),
    onNotice: (_, message) => progress.notice(message),
  });
  const {every, dir} = options;
  const {signal} = interrupt;
  const results: (WatchSummary | FailedFolder)[] = [];
  try {
    for (const folder of folders) {
      if (signal.aborted) break;
      const watched = watchFolder({
        folder,
        measurer,
        pretrained: spec.pretrained,
        every,
        dir,
        until: 'once',
        order: 'newest',
        ...(await trackingOf(options, folder)),
        signal,
        say: line => progress.notice(line),
      });
      // One folder that cannot be read must not cost the others their night.
      results.push(await watched.catch((error: unknown) => ({watched: folder, error: messageOf(error)})));
    }
    progress.end();
    tellSummaries(results, options);
  } finally {
    interrupt.off();
    progress.end();
    await measurer.close();
  }
}
