import {rm} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import {basename, join, resolve} from 'node:path';
import {Command} from 'commander';
import {loggedAt, readTrainerState} from '../models/index.js';
import {replaceFile} from '../disk/index.js';
import {describeRun} from '../journal/index.js';
import {startChildMeasurer} from '../measure/index.js';
import {renderReport} from '../render/index.js';
import type {Moment} from '../types.js';
import {analysisOf} from './analysis.js';
import {analysisText} from './analysis-text.js';
import {addMeasuringOptions, modelFolder, specOf, type MeasuringOptions} from './measuring-options.js';
import {progressLine} from './progress-line.js';

interface MeasureOptions extends MeasuringOptions {
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
  addMeasuringOptions(command, {threads: availableParallelism()});
  return command
    .requiredOption('--finetuned <model>', 'the finetuned model: a folder, an adapter, or a hub name')
    .option('--out <dir>', 'leave analysis.json, report.html and its pictures there')
    .option('--acquired', 'the reverse direction as well: as many inversions again')
    .option('--json', 'print JSON instead of a table')
    .action(measure);
}

async function measure(options: MeasureOptions): Promise<void> {
  const {out} = options;
  const progress = progressLine();
  const say = (line: string): void => progress.notice(line);
  const spec = await specOf(options, say);
  const finetuned = await modelFolder(options.finetuned, say);
  const measurer = startChildMeasurer(spec, {
    onProgress: step => progress.show(step),
    onNotice: (_, message) => progress.notice(message),
  });
  try {
    // What would fail at the end is tried before the hours of work.
    await measurer.check(finetuned);
    if (out !== undefined) await checkWritable(out);
    const info = await measurer.info();
    const baseline = await measurer.baseline();
    const state = await readTrainerState(finetuned);
    const reading = await measurer.read({
      folder: finetuned,
      moment: momentOf(state),
      acquire: options.acquired ?? false,
      convergence: true,
    });
    const analysis = analysisOf(info, baseline, reading);
    const json = `${JSON.stringify(analysis, null, 2)}\n`;
    if (out !== undefined) {
      await replaceFile(join(out, 'analysis.json'), json);
      const config = {pretrained: options.pretrained, finetuned: options.finetuned};
      const id = basename(resolve(options.finetuned));
      const run = await describeRun({...info, id, config});
      await renderReport(
        {
          info: run,
          baseline,
          readings: [reading],
          events: [{time: Date.now(), type: 'ended', state: 'finished'}],
          ...(state ? {} : {subject: id}),
        },
        out,
      );
    }
    progress.end();
    process.stdout.write(options.json ? json : analysisText(analysis));
  } finally {
    progress.end();
    await measurer.close();
  }
}

/** Steps, epochs and losses where a Trainer left them beside the weights; step 0 where none did. */
function momentOf(state: Awaited<ReturnType<typeof readTrainerState>>): Moment {
  const {step = 0, epoch = null, history = []} = state ?? {};
  return {step, epoch, time: Date.now(), logged: loggedAt(history, step)};
}

async function checkWritable(folder: string): Promise<void> {
  const path = join(folder, '.writable');
  await replaceFile(path, Buffer.alloc(4096));
  await rm(path);
}
