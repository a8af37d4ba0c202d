import {setPriority} from 'node:os';
import {InTurn} from '../../disk/index.js';
import {openModelFolder} from '../../models/index.js';
import {openOrtEngine, readWeights, type Weights} from '../../engine/index.js';
import {InvarianceError, messageOf} from '../../errors.js';
import {defaultCacheFolder, drawSeeds, inversionOptions, openInversionCache} from '../../inversion/index.js';
import {openInversions} from '../inversions.js';
import {FLOOR_DRAWS} from '../baseline.js';
import {checkFit, createMeasurer, type Measurer, type MeasurerOptions} from '../measurer.js';
import {measurerInfo} from '../measurer-info.js';
import type {Command, MeasurerInfo, MeasurerSpec, Report} from './messages.js';
import {loadProbes, loadSeeds} from '../../probes/index.js';
import {readingCost} from '../reading-cost.js';
import {withWeights} from '../with-weights.js';

/** The training has the right of way: 0 is usual, 19 the lowest. */
const NICENESS = 10;

interface Opened {
  /** Those of a folder, with what it leaves out taken from the pretrained one. */
  weightsIn: (folder: string) => Promise<Weights>;
  options: Required<Omit<MeasurerOptions, 'onProgress' | 'onNotice' | 'now' | 'factors'>> &
    Pick<MeasurerOptions, 'factors'>;
  info: MeasurerInfo;
}

function report(message: Report): void {
  process.send?.(message);
}

function notice(code: string, message: string): void {
  report({type: 'notice', code, message});
}

async function open(spec: MeasurerSpec): Promise<Opened> {
  const model = await openModelFolder(spec.pretrained);
  await model.tensors.close();
  const {layers, pooling, threads = 1, workers = 1} = spec;
  const reading = {prefix: spec.prefix, onNotice: notice};
  const engine = await openOrtEngine({
    folder: spec.pretrained,
    threads,
    ...reading,
    ...(layers && {layers}),
    ...(pooling && {pooling}),
  });
  const {
    images: probes,
    source,
    labels,
    passedOver,
  } = await loadProbes(spec.probes, {
    preprocessor: model.preprocessor,
    channels: engine.input.channels,
    max: spec.probesMax,
    labels: spec.labels,
  });
  if (passedOver !== null) notice('probes_passed_over', passedOver);
  const from = spec.seeds ?? 0;
  const seeds =
    typeof from === 'number'
      ? drawSeeds({like: probes, seed: from})
      : typeof from === 'string'
        ? await loadSeeds(from, probes)
        : from;
  checkFit(engine, {probes, seeds});
  const weightsIn = (folder: string) =>
    readWeights(folder, {...reading, adapter: spec.adapter, like: engine, base: spec.pretrained});
  const given = spec.floor ?? FLOOR_DRAWS;
  const floor = typeof given === 'number' ? given : await Promise.all(given.map(weightsIn));
  const scratch = spec.scratch === undefined ? null : await weightsIn(spec.scratch);
  const cache = await openInversionCache({
    folder: spec.cache === undefined ? defaultCacheFolder() : spec.cache,
    onNotice: notice,
  });
  const inversion = spec.inversion ?? inversionOptions();
  const reference = engine.weights();
  return {
    weightsIn,
    options: {
      engine,
      probes,
      labels,
      seeds,
      reference,
      floor,
      scratch,
      inversion,
      cache,
      workers,
      factors: spec.factors,
    },
    info: measurerInfo({engine, reference, probes, seeds, floor, inversion}, source),
  };
}

let opened: Promise<Opened>;
let measurer: Promise<Measurer> | undefined;

/** Made at the first request that needs it; a failure is not kept, so that the next request tries again. */
async function measure(): Promise<Measurer> {
  const {options} = await opened;
  measurer ??= createMeasurer({
    ...options,
    onProgress: progress => report({type: 'progress', progress}),
    onNotice: notice,
  });
  return measurer.catch((error: unknown) => {
    measurer = undefined;
    throw error;
  });
}

async function answer(command: Exclude<Command, {type: 'open'}>) {
  const {options, info, weightsIn} = await opened;
  const {engine} = options;
  switch (command.type) {
    case 'info':
      return info;
    case 'cost':
      return readingCost(options);
    case 'check':
      await withWeights(engine, await weightsIn(command.folder), async () => {});
      return null;
    case 'help':
      await openInversions({...options, weights: options.reference, options: options.inversion}).help();
      return null;
    case 'baseline':
      return (await measure()).baseline;
    case 'read': {
      const {folder, ...request} = command.request;
      const ready = await measure();
      return ready.read({...request, weights: await weightsIn(folder)});
    }
  }
}

async function handle(command: Command): Promise<void> {
  if (command.type === 'open') {
    opened = open(command.spec);
    opened.catch(() => {});
    return;
  }
  const {id} = command;
  try {
    report({type: 'done', id, value: await answer(command)});
  } catch (error) {
    const code = error instanceof InvarianceError ? error.code : 'engine_failed';
    const stack = error instanceof Error ? error.stack : undefined;
    report({type: 'failed', id, code, message: messageOf(error), stack});
  }
}

const queue = new InTurn();
process.on('message', command => void queue.do(() => handle(command as Command)));
process.on('disconnect', () => process.exit());
// Ctrl-C reaches the whole group; the parent decides when this process ends.
process.on('SIGINT', () => {});
try {
  setPriority(NICENESS);
} catch {
  // Not permitted everywhere, and only a courtesy.
}
