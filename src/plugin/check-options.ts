import {z} from 'zod';
import {InvarianceError} from '../errors.js';
import {selectFactors} from '../factors/index.js';
import {inversionOptions} from '../inversion/index.js';
import {runsFolder} from '../runs-folder.js';
import {metricKeys} from '../tracker/index.js';
import {parseCadence} from './cadence.js';
import {DEFAULTS, type CheckedOptions, type CheckpointOptions, type MonitorOptions} from './options.js';

/** Each schema's message is what the option takes. */
const text = (takes: string) => z.string(takes).min(1, takes);
const count = z.int('a whole number above 0').positive('a whole number above 0');
const flag = z.boolean('true or false');
const withMethods = (names: readonly string[], takes: string) =>
  z.custom(value => names.every(name => typeof (value as Methods)?.[name] === 'function'), takes);
type Methods = Record<string, unknown> | null | undefined;
/** Whoever reads the value says what is wrong with it. */
const readElsewhere = z.unknown().optional();

const readingKeys = [...new Set(metricKeys.map(({key}) => key))].filter(key => key.startsWith('invariance/'));

/** Whether readings log this key, of whatever layer. */
function isMetricKey(name: string): boolean {
  return metricKeys.some(({key, of}) => (of === 'run' ? name === key : name.startsWith(`${key}/`)));
}

const checkpoints = z.strictObject(
  {
    dir: text('a folder'),
    every: readElsewhere,
    keep: count.optional(),
    monitor: text("the name of a value, as 'val_acc' or 'invariance/retention'")
      .refine(
        name => !name.startsWith('invariance/') || isMetricKey(name),
        `a key of docs/metric-keys.md, as ${readingKeys.join(', ')}`,
      )
      .nullish(),
    mode: z.enum(['min', 'max'], "'min' or 'max'").optional(),
    saveLast: flag.optional(),
  } satisfies Record<keyof CheckpointOptions, z.ZodType>,
  '{dir, …}',
);

const inversion = z.strictObject({preset: readElsewhere, steps: readElsewhere}, '{preset, steps}');

const input = z.strictObject(
  {layout: readElsewhere, range: readElsewhere, mean: readElsewhere, std: readElsewhere} satisfies Record<
    keyof NonNullable<MonitorOptions['input']>,
    z.ZodType
  >,
  '{layout, range, mean, std}',
);

const options = z.strictObject(
  {
    tf: withMethods(
      ['CustomCallback'],
      "the TensorFlow.js object the model was made with, as import * as tf from '@tensorflow/tfjs'",
    ),
    model: readElsewhere,
    probes: z.custom(
      value => typeof value === 'string' || (typeof value === 'object' && value !== null),
      'a folder, FILE.safetensors:key, a tensor [n, H, W, C] in [0, 1], or an iterable of images',
    ),
    probesMax: readElsewhere,
    labels: z
      .union(
        [z.string().min(1), z.array(z.union([z.string(), z.number()]))],
        'one label an image, a CSV or JSON file of image path and label, or FILE.safetensors:key',
      )
      .optional(),
    seeds: text('FILE.safetensors:key').optional(),
    reference: text('the folder of the pretrained model').optional(),
    floor: z
      .union(
        [count, z.array(text('folders')).min(1)],
        'how many random networks to draw, or a list of their folders',
      )
      .optional(),
    scratch: text('the folder of a network trained from scratch').optional(),
    layers: z
      .array(
        z.union([z.string(), z.instanceof(RegExp)]),
        "a list of names, globs or regular expressions, as ['block_*', 'norm']",
      )
      .optional(),
    pooling: z.enum(['tokens', 'cls', 'mean'], "'tokens', 'cls' or 'mean'").optional(),
    input: input.optional(),
    inversion: inversion.optional(),
    factors: z
      .union(
        [z.literal(['all', 'none']), z.array(z.string())],
        "'all', 'none', or a list of names, as ['hue', 'flip']",
      )
      .optional(),
    every: readElsewhere,
    acquired: readElsewhere,
    log: readElsewhere,
    budget: z
      .custom<number>(
        value => typeof value === 'number' && value > 0,
        'a share of training time above 0, as 0.05, or Infinity',
      )
      .optional(),
    checkpoints: checkpoints.optional(),
    resume: text("the folder of a checkpoint, or 'auto'").optional(),
    optimizer: readElsewhere,
    trackers: z
      .array(
        withMethods(['start', 'reading'], 'trackers, as wandbTracker() or consoleTracker() make them'),
        'a list of trackers',
      )
      .optional(),
    console: flag.optional(),
    dir: text('a folder').optional(),
    name: text('a name').optional(),
    config: z
      .custom(value => typeof value === 'object' && value !== null, 'an object of your settings')
      .optional(),
    stepsPerEpoch: count.optional(),
    strict: flag.optional(),
  } satisfies Record<keyof MonitorOptions, z.ZodType>,
  '{tf, model, probes, …}',
);

/** Every option there is, by where it stands. */
export const NAMES = {
  '': Object.keys(options.shape),
  checkpoints: Object.keys(checkpoints.shape),
  inversion: Object.keys(inversion.shape),
  input: Object.keys(input.shape),
};

/**
 * Refuses what cannot work before training starts, and fills in the defaults.
 * @throws InvarianceError `bad_option`, naming the option, the value and what it takes
 */
export function checkOptions(given: MonitorOptions): CheckedOptions {
  const {issues} = options.safeParse(given).error ?? {issues: []};
  // What is wrong with a value may come of a name that is.
  const issue = issues.find(({code}) => code === 'unrecognized_keys') ?? issues[0];
  if (issue?.code === 'unrecognized_keys') refuseName(issue.path.join('.') as keyof typeof NAMES, issue.keys);
  if (issue !== undefined) refuse(issue.path, valueAt(given, issue.path), issue.message);
  const {tf, model, optimizer, resume} = given;
  if (!(model instanceof tf.LayersModel))
    refuse(['model'], model, 'a LayersModel made with the same copy of TensorFlow.js as the option tf');
  if (optimizer !== undefined && !(optimizer instanceof tf.Optimizer))
    refuse(['optimizer'], optimizer, 'an optimizer, as tf.train.adam() makes it');
  selectFactors(given.factors);
  if (resume === 'auto' && given.checkpoints === undefined)
    refuse(['resume'], resume, "'auto' together with checkpoints: {dir}, or the folder of a checkpoint");
  return {
    ...given,
    budget: given.budget ?? DEFAULTS.budget,
    probesMax: given.probesMax ?? DEFAULTS.probesMax,
    inversion: inversionOptions(given.inversion),
    every: parseCadence(given.every ?? DEFAULTS.every, 'every'),
    acquired: given.acquired === undefined ? null : parseCadence(given.acquired, 'acquired'),
    log: parseCadence(given.log ?? DEFAULTS.log, 'log'),
    checkpoints: given.checkpoints === undefined ? null : withDefaults(given.checkpoints),
    trackers: given.trackers ?? [],
    console: given.console ?? process.stderr.isTTY === true,
    quiet: given.console === false,
    dir: given.dir ?? runsFolder(),
    strict: given.strict ?? DEFAULTS.strict,
  };
}

function withDefaults({dir, monitor, ...given}: CheckpointOptions): CheckedOptions['checkpoints'] {
  const {keep, mode, saveLast, every} = DEFAULTS.checkpoints;
  return {
    dir,
    monitor: monitor ?? null,
    keep: given.keep ?? keep,
    mode: given.mode ?? mode,
    saveLast: given.saveLast ?? saveLast,
    every: parseCadence(given.every ?? every, 'checkpoints.every'),
  };
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((at, key) => (at as Record<PropertyKey, unknown>)[key], given);
}

function refuse(path: readonly PropertyKey[], value: unknown, takes: string): never {
  const shown = typeof value === 'object' && value !== null ? value.constructor?.name : JSON.stringify(value);
  throw new InvarianceError(
    'bad_option',
    `invalid ${path.join('.') || 'options'}: ${shown ?? String(value)}; it takes ${takes}`,
  );
}

function refuseName(where: keyof typeof NAMES, [unknown]: readonly string[]): never {
  const [name, ...known] = [unknown, ...NAMES[where]].map(one => (where === '' ? one : `${where}.${one}`));
  throw new InvarianceError('bad_option', `unknown option: ${name}; known are ${known.join(', ')}`);
}
