import {availableParallelism} from 'node:os';
import {join} from 'node:path';
import {Command, Option} from 'commander';
import {replaceFile, type LayerSelection} from '../engine/index.js';
import {inversionOptions} from '../inversion/index.js';
import {startMeasuring, type MeasuringSpec} from '../plugin/index.js';
import type {Pooling} from '../types.js';
import {analysisOf} from './analysis.js';
import {analysisText} from './analysis-text.js';
import {layersOption} from './layers-option.js';
import {progressLine} from './progress-line.js';
import {wholeNumber} from './whole-number.js';

interface MeasureOptions {
  pretrained: string;
  finetuned: string;
  probes: string;
  probesMax?: number;
  seeds?: string;
  layers?: LayerSelection;
  pool: Pooling;
  preset: string;
  steps?: number;
  random?: string;
  threads: number;
  out?: string;
  acquired?: true;
  json?: true;
}

/** `measure`: the whole analysis once, of one finetuned model against its pretrained one. */
export function measureCommand(): Command {
  return new Command('measure')
    .description('measure once what a finetuned model kept of its pretrained one')
    .requiredOption('--pretrained <dir>', 'Hugging Face folder of the pretrained model')
    .requiredOption('--finetuned <dir>', 'Hugging Face folder of the finetuned model')
    .requiredOption('--probes <source>', 'folder of images, or FILE.safetensors:key')
    .option(
      '--probes-max <n>',
      'probes taken at most (default 64); time and memory grow with them',
      wholeNumber(4),
    )
    .option('--seeds <source>', 'FILE.safetensors:key; default drawn, the same each time')
    .option('--layers <names>', 'names, globs or /regex/, separated by commas (default all)', layersOption)
    .addOption(
      new Option('--pool <how>', 'rows of a block').choices(['tokens', 'cls', 'mean']).default('tokens'),
    )
    .addOption(new Option('--preset <name>', 'inversion').choices(['stir', 'fast']).default('fast'))
    .option(
      '--steps <n>',
      'gradient evaluations an image (default 500 for stir, 50 for fast)',
      wholeNumber(1),
    )
    .option('--random <dir>', 'folder of an untrained network for the floor; default drawn')
    .option('--threads <n>', 'processes of one thread each', wholeNumber(1), availableParallelism())
    .option('--out <dir>', 'leave analysis.json there')
    .option('--acquired', 'the reverse direction as well: as many inversions again')
    .option('--json', 'print JSON instead of a table')
    .action(measure);
}

async function measure(options: MeasureOptions): Promise<void> {
  const {layers, probesMax, seeds, random, out} = options;
  const {preset, steps} = options;
  const inversion = inversionOptions(steps === undefined ? {preset} : {preset, steps});
  const spec: MeasuringSpec = {
    pretrained: options.pretrained,
    probes: options.probes,
    pooling: options.pool,
    inversion,
    workers: options.threads,
    ...(layers && {layers}),
    ...(probesMax !== undefined && {probesMax}),
    ...(seeds !== undefined && {seeds}),
    ...(random !== undefined && {floor: random}),
  };
  const progress = progressLine();
  const measuring = startMeasuring(spec, {
    onProgress: step => progress.show(step),
    onNotice: (_, message) => progress.notice(message),
  });
  try {
    // What would fail at the end is tried before the hours of work.
    await measuring.check(options.finetuned);
    if (out !== undefined) await write(out, 'null');
    const info = await measuring.info();
    const baseline = await measuring.baseline();
    const reading = await measuring.read({
      folder: options.finetuned,
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
