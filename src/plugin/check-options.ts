import type {LayersModel} from '@tensorflow/tfjs';
import type {PixelForm} from '../engine/index.js';
import {InvarianceError} from '../errors.js';
import {inversionOptions} from '../inversion/index.js';
import {runsFolder} from '../runs-folder.js';
import {metricKeys} from '../tracker/index.js';
import {parseCadence} from './cadence.js';
import {DEFAULTS, type CheckedOptions, type MonitorOptions} from './options.js';

/** Every option there is. */
export const NAMES = new Set<string>([
  'tf',
  'model',
  'probes',
  'probesMax',
  'seeds',
  'reference',
  'layers',
  'pooling',
  'input',
  'inversion',
  'every',
  'acquired',
  'log',
  'budget',
  'checkpoints',
  'resume',
  'optimizer',
  'trackers',
  'console',
  'dir',
  'name',
  'config',
  'stepsPerEpoch',
  'strict',
] satisfies (keyof MonitorOptions)[]);

export const CHECKPOINT_NAMES = new Set(['dir', 'every', 'keep', 'monitor', 'mode', 'saveLast']);

const INVERSION_NAMES = new Set(['preset', 'steps']);

const INPUT_NAMES = new Set<string>(['layout', 'range', 'mean', 'std'] satisfies (keyof PixelForm)[]);

/**
 * Refuses what cannot work before training starts, and fills in the defaults.
 * @throws InvarianceError `bad_option`, naming the option, the value and what it takes
 */
export function checkOptions(given: MonitorOptions): CheckedOptions {
  refuseUnknown(given, NAMES, '');
  const {tf, model, checkpoints, resume, budget = DEFAULTS.budget} = given;
  checkModel(tf, model);
  checkTypes(given);
  refuseUnknown(given.inversion ?? {}, INVERSION_NAMES, 'inversion.');
  refuseUnknown(given.input ?? {}, INPUT_NAMES, 'input.');
  need(typeof given.probes === 'string' || (typeof given.probes === 'object' && given.probes !== null), {
    option: 'probes',
    value: given.probes,
    takes: 'a folder, FILE.safetensors:key, a tensor [n, H, W, C] in [0, 1], or an iterable of images',
  });
  need(typeof budget === 'number' && budget > 0, {
    option: 'budget',
    value: budget,
    takes: 'a share of training time above 0, as 0.05, or Infinity',
  });
  const pooling = given.pooling ?? DEFAULTS.pooling;
  need(['tokens', 'cls', 'mean'].includes(pooling), {
    option: 'pooling',
    value: pooling,
    takes: "'tokens', 'cls' or 'mean'",
  });
  need(given.stepsPerEpoch === undefined || isCount(given.stepsPerEpoch), {
    option: 'stepsPerEpoch',
    value: given.stepsPerEpoch,
    takes: 'a whole number above 0',
  });
  for (const tracker of given.trackers ?? []) {
    need(typeof tracker?.start === 'function' && typeof tracker.reading === 'function', {
      option: 'trackers',
      value: tracker,
      takes: 'trackers, as wandbTracker() or consoleTracker() make them',
    });
  }
  need(resume !== 'auto' || checkpoints !== undefined, {
    option: 'resume',
    value: resume,
    takes: "'auto' together with checkpoints: {dir}, or the folder of a checkpoint",
  });
  return {
    ...given,
    budget,
    pooling,
    probesMax: given.probesMax ?? DEFAULTS.probesMax,
    inversion: inversionOptions(given.inversion),
    every: parseCadence(given.every ?? DEFAULTS.every, 'every'),
    acquired: given.acquired === undefined ? null : parseCadence(given.acquired, 'acquired'),
    log: parseCadence(given.log ?? DEFAULTS.log, 'log'),
    checkpoints: checkpoints === undefined ? null : checkCheckpoints(checkpoints),
    trackers: given.trackers ?? [],
    console: given.console ?? process.stderr.isTTY === true,
    quiet: given.console === false,
    dir: given.dir ?? runsFolder(),
    strict: given.strict ?? DEFAULTS.strict,
  };
}

/** Options of a plain type, which JavaScript would take as anything. */
function checkTypes(given: MonitorOptions): void {
  const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
  const isFlag = (value: unknown): boolean => typeof value === 'boolean';
  const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null;
  const kinds: [keyof MonitorOptions, (value: unknown) => boolean, takes: string][] = [
    ['dir', isText, 'a folder'],
    ['reference', isText, 'the folder of the pretrained model'],
    ['seeds', isText, 'FILE.safetensors:key'],
    ['resume', isText, "the folder of a checkpoint, or 'auto'"],
    ['name', isText, 'a name'],
    ['strict', isFlag, 'true or false'],
    ['console', isFlag, 'true or false'],
    ['config', isRecord, 'an object of your settings'],
    ['inversion', isRecord, '{preset, steps}'],
    ['input', isRecord, '{layout, range, mean, std}'],
    ['checkpoints', isRecord, '{dir, …}'],
    ['optimizer', value => value instanceof given.tf.Optimizer, 'an optimizer, as tf.train.adam() makes it'],
    ['trackers', Array.isArray, 'a list of trackers'],
  ];
  for (const [option, holds, takes] of kinds) {
    const value = given[option];
    need(value === undefined || holds(value), {option, value, takes});
  }
}

function checkModel(tf: MonitorOptions['tf'], model: LayersModel): void {
  need(typeof tf?.CustomCallback === 'function', {
    option: 'tf',
    value: typeof tf,
    takes: "the TensorFlow.js object the model was made with, as import * as tf from '@tensorflow/tfjs'",
  });
  need(model instanceof tf.LayersModel, {
    option: 'model',
    value: (model as unknown)?.constructor?.name ?? typeof model,
    takes: 'a LayersModel made with the same copy of TensorFlow.js as the option tf',
  });
}

function checkCheckpoints(given: NonNullable<MonitorOptions['checkpoints']>): CheckedOptions['checkpoints'] {
  refuseUnknown(given, CHECKPOINT_NAMES, 'checkpoints.');
  const {dir, monitor = null, every, ...rest} = given;
  const {keep, mode, saveLast} = {...DEFAULTS.checkpoints, ...rest};
  need(typeof dir === 'string' && dir !== '', {option: 'checkpoints.dir', value: dir, takes: 'a folder'});
  need(isCount(keep), {option: 'checkpoints.keep', value: keep, takes: 'a whole number above 0'});
  need(mode === 'min' || mode === 'max', {option: 'checkpoints.mode', value: mode, takes: "'min' or 'max'"});
  need(monitor === null || (typeof monitor === 'string' && monitor !== ''), {
    option: 'checkpoints.monitor',
    value: monitor,
    takes: "the name of a value, as 'val_acc' or 'invariance/retention'",
  });
  need(monitor === null || !monitor.startsWith('invariance/') || isMetricKey(monitor), {
    option: 'checkpoints.monitor',
    value: monitor,
    takes: `a key of docs/metric-keys.md, as ${[...new Set(metricKeys.map(({key}) => key))].filter(key => key.startsWith('invariance/')).join(', ')}`,
  });
  return {
    dir,
    monitor,
    keep,
    mode,
    saveLast,
    every: parseCadence(every ?? DEFAULTS.checkpoints.every, 'checkpoints.every'),
  };
}

/** Whether readings log this key, of whatever layer. */
function isMetricKey(name: string): boolean {
  return metricKeys.some(({key, of}) => (of === 'run' ? name === key : name.startsWith(`${key}/`)));
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function need(holds: boolean, {option, value, takes}: {option: string; value: unknown; takes: string}): void {
  if (holds) return;
  const shown = typeof value === 'object' && value !== null ? value.constructor?.name : JSON.stringify(value);
  throw new InvarianceError('bad_option', `invalid ${option}: ${shown ?? String(value)}; it takes ${takes}`);
}

function refuseUnknown(given: object, names: ReadonlySet<string>, prefix: string): void {
  const unknown = Object.keys(given).find(name => !names.has(name));
  if (unknown === undefined) return;
  throw new InvarianceError(
    'bad_option',
    `unknown option: ${prefix}${unknown}; known are ${[...names].map(name => prefix + name).join(', ')}`,
  );
}
