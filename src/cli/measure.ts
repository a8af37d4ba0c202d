import {availableParallelism} from 'node:os';
import {join} from 'node:path';
import {Command} from 'commander';
import {replaceFile} from '../engine/index.js';
import {startMeasuring} from '../plugin/index.js';
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
    .option('--out <dir>', 'leave analysis.json there')
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
  const measuring = startMeasuring(spec, {
    onProgress: step => progress.show(step),
    onNotice: (_, message) => progress.notice(message),
  });
  try {
    // What would fail at the end is tried before the hours of work.
    await measuring.check(finetuned);
    if (out !== undefined) await write(out, 'null');
    const info = await measuring.info();
    const baseline = await measuring.baseline();
    const reading = await measuring.read({
      folder: finetuned,
      moment: {step: 0, epoch: null, time: Date.now(), logged: {}},
      acquire: options.acquired ?? false,
      convergence: true,
    });
    const analysis = analysisOf(info, baseline, reading);
    const json = `${JSON.stringify(analysis, null, 2)}\n`;
    if (out !== undefined) await write(out, json);
    progress.end();
    process.stdout.write(options.json ? json : analysisText(analysis));
  } finally {
    progress.end();
    await measuring.close();
  }
}

async function write(folder: string, text: string): Promise<void> {
  await replaceFile(join(folder, 'analysis.json'), file => file.writeFile(text));
}
