import {availableParallelism} from 'node:os';
import {Command} from 'commander';
import {addReadingOptions, type ReadingOptions} from './reading-options.js';

export interface MeasureOptions extends ReadingOptions {
  finetuned: string;
  out?: string;
  acquired?: true;
  json?: true;
}

/** `measure`: the whole analysis once, of one finetuned model against its pretrained one. */
export function measureCommand(): Command {
  const command = new Command('measure').description(
    'measure once what a finetuned model kept of its pretrained one',
  );
  addReadingOptions(command, {threads: availableParallelism()});
  return command
    .requiredOption('--finetuned <model>', 'the finetuned model: a folder, an adapter, or a hub name')
    .option('--out <dir>', 'leave analysis.json, report.html and its pictures there')
    .option('--acquired', 'the reverse direction as well: as many inversions again')
    .option('--json', 'print JSON instead of a table')
    .action(async (options: MeasureOptions) => {
      const {measureOnce} = await import('./measure/measure-once.js');
      await measureOnce(options);
    });
}
