import {Option, type Command} from 'commander';
import type {LayerSelection} from '../engine/index.js';
import type {FactorSelection} from '../factors/index.js';
import type {MeasurerSpec} from '../measure/index.js';
import type {Pooling} from '../types.js';
import {layersOption} from './layers-option.js';
import {wholeNumber} from './whole-number.js';

/** What every command that takes readings asks. */
export interface ReadingOptions {
  pretrained: string;
  probes: string;
  probesMax?: number;
  labels?: string;
  seeds?: string;
  layers?: LayerSelection;
  prefix?: string;
  adapter?: string;
  pool?: Pooling;
  preset: string;
  steps?: number;
  factors?: FactorSelection;
  random?: string[];
  scratch?: string;
  threads: number;
}

/** @param threads default number of processes of one thread each; 1 beside a training, all cores otherwise */
export function addReadingOptions(command: Command, {threads}: {threads: number}): void {
  command
    .requiredOption('--pretrained <model>', 'the pretrained model: a Hugging Face folder, or a hub name')
    .requiredOption('--probes <source>', 'folder of images, or FILE.safetensors:key')
    .option(
      '--probes-max <n>',
      'probes taken at most (default 64); time and memory grow with them',
      wholeNumber(4),
    )
    .option(
      '--labels <file>',
      'further labels of the probes for the ridge probe, beside those of class folders: CSV or JSON of image path and ' +
        'label, or FILE.safetensors:key',
    )
    .option('--seeds <source>', 'FILE.safetensors:key; default drawn, the same each time')
    .option(
      '--layers <names>',
      "names, globs or /regex/, separated by commas (default 'block_*,norm'); 'block_*/attention' and 'block_*/mlp' are what a block adds",
      layersOption,
    )
    .option(
      '--prefix <text>',
      'which model is meant where a file holds it under several prefixes, as ema_model. (default the only one)',
    )
    .option(
      '--adapter <name>',
      'which adapter is meant where a checkpoint holds several of PEFT (default its own, or the only one)',
    )
    .addOption(
      new Option(
        '--pool <how>',
        "rows of a block: the class token, the mean of the patches, or all tokens (default what the model's head reads)",
      ).choices(['cls', 'mean', 'tokens']),
    )
    .addOption(new Option('--preset <name>', 'inversion').choices(['stir', 'fast']).default('fast'))
    .option(
      '--steps <n>',
      'gradient evaluations an image (default 500 for stir, 50 for fast)',
      wholeNumber(1),
    )
    .option(
      '--factors <names>',
      'named transformations: all, none, or names with a strength where wanted, as hue,rotation:15 (default hue,brightness,blur,flip,shift)',
      factorsOption,
    )
    .option(
      '--random <dirs...>',
      'folders of untrained networks for the floor (default 8 are drawn as the architecture is initialised)',
    )
    .option(
      '--scratch <dir>',
      'folder of the same architecture trained from scratch on the new task: a second mark beside the floor',
    )
    .option('--threads <n>', 'processes of one thread each', wholeNumber(1), threads);
}

/** `all`, `none`, or `hue,rotation:15`. */
function factorsOption(text: string): FactorSelection {
  return text === 'all' || text === 'none' ? text : text.split(',');
}

/** What to measure; a model that is a hub name is looked up in the Hugging Face cache, else downloaded. */
export async function specOf(options: ReadingOptions, say: (line: string) => void): Promise<MeasurerSpec> {
  const {inversionOptions} = await import('../inversion/index.js');
  const {selectFactors} = await import('../factors/index.js');
  const {
    probes,
    probesMax,
    labels,
    seeds,
    layers,
    prefix,
    adapter,
    pool,
    preset,
    steps,
    factors,
    random,
    scratch,
    threads,
  } = options;
  selectFactors(factors);
  return {
    pretrained: await modelFolder(options.pretrained, say),
    probes,
    inversion: inversionOptions(steps === undefined ? {preset} : {preset, steps}),
    workers: threads,
    ...(layers && {layers}),
    ...(prefix !== undefined && {prefix}),
    ...(adapter !== undefined && {adapter}),
    ...(pool && {pooling: pool}),
    ...(probesMax !== undefined && {probesMax}),
    ...(labels !== undefined && {labels}),
    ...(seeds !== undefined && {seeds}),
    ...(factors !== undefined && {factors}),
    ...(random !== undefined && {floor: random}),
    ...(scratch !== undefined && {scratch: await modelFolder(scratch, say)}),
  };
}

/** The folder of a model, downloaded where it is a hub name that is not in the cache yet. */
export async function modelFolder(model: string, say: (line: string) => void): Promise<string> {
  const {resolveModel} = await import('../models/index.js');
  let before = '';
  return resolveModel({
    model,
    onProgress({file, received, total}) {
      const line = `downloading ${model}: ${file} ${Math.floor((10 * received) / total) * 10} %`;
      if (line !== before) say((before = line));
    },
  });
}
