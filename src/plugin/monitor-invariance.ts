import {randomBytes} from 'node:crypto';
import {existsSync} from 'node:fs';
import {mkdir, rm} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import {join} from 'node:path';
import type {LayersModel} from '@tensorflow/tfjs';
import {vitConfigOf} from '../engine/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import {consoleTracker, scalarsOf} from '../tracker/index.js';
import {openJournal, readRecords, readRun, runFiles, type RecordedRun} from '../journal/index.js';
import type {Fingerprint} from '../types.js';
import {createBudget} from './budget.js';
import {checkOptions} from './check-options.js';
import {createCheckpoints, listCheckpoints, ownCheckpoints, type Checkpoints} from '../checkpoints/index.js';
import {createDispatcher, type Dispatcher} from '../tracker/index.js';
import {describeRun} from '../journal/index.js';
import {sweep} from '../disk/index.js';
import {modelFiles, type ModelFiles} from '../checkpoints/index.js';
import {createMonitor, type Monitor} from './monitor.js';
import {createNotices, type Notices} from '../tracker/index.js';
import {snapshotSource} from './snapshot-source.js';
import {liveSource} from './live-source.js';
import type {ReadingSource} from './reading-source.js';
import type {CheckedOptions, MonitorOptions} from './options.js';
import {loadOptimizer, optimizerFile} from '../checkpoints/index.js';
import {findResumePoint, type ResumePoint} from '../checkpoints/index.js';

/** Milliseconds that slow trackers get at the end, all together; the journal holds what they did not take. */
const PATIENCE = 120_000;

/** Models that are monitored now: two monitors would count each other's steps and fight over checkpoints. */
const monitored = new WeakSet<LayersModel>();

/**
 * Watches a finetune: which layers keep, and which forget, the invariances of the pretrained model.
 *
 * The reference is the model as it stands now, unless `reference` names another, so call this after loading the
 * pretrained weights and before training. A ViT of `loadVit` is measured in a child process, from snapshots, while
 * training goes on; any other LayersModel is measured in this process, and training waits.
 *
 * What it cannot work with is refused here; once training runs, whatever goes wrong in here becomes a notice in the
 * record, unless `strict` is set.
 *
 * @throws InvarianceError `bad_option` for a wrong option or a model that is monitored already; `bad_probes`,
 *   `bad_model`, `bad_weights`; `io_failed` for a folder that cannot be written; `fingerprint_mismatch` where a run is
 *   resumed with another pretrained model, other probes, layers or inversion options
 * @example
 * import * as tf from '@tensorflow/tfjs';
 * import {loadVit, monitorInvariance} from 'wandb-invariance';
 *
 * declare const train: tf.data.Dataset<{xs: tf.Tensor; ys: tf.Tensor}>; // batches: pixels in [0, 1], one-hot labels
 * const model = await loadVit(tf, 'models/vit-small', {classes: 200});
 * model.compile({optimizer: tf.train.adam(1e-4), loss: tf.losses.softmaxCrossEntropy});
 *
 * const monitor = await monitorInvariance({tf, model, probes: 'data/birds/probes', every: '100 steps'});
 * await model.fitDataset(train, {epochs: 5, callbacks: monitor.callback()});
 * await monitor.finish();
 */
export async function monitorInvariance(given: MonitorOptions): Promise<Monitor> {
  const options = checkOptions(given);
  const {model} = options;
  if (monitored.has(model)) {
    throw new InvarianceError(
      'bad_option',
      `model ${model.name} is monitored already; call finish() on its monitor first, or give its callback() to this fit`,
    );
  }
  monitored.add(model);
  const release = (): void => void monitored.delete(model);
  try {
    return await open(options, release);
  } catch (error) {
    release();
    throw error;
  }
}

async function open(options: CheckedOptions, release: () => void): Promise<Monitor> {
  const {tf, model, checkpoints: saving} = options;
  const point = await findResumePoint({resume: options.resume, dir: saving?.dir});
  const id = point?.state.run ?? newRunId(new Date());
  const folder = join(options.dir, id);
  await mkdir(folder, {recursive: true}).catch(cause => {
    throw new InvarianceError(
      'io_failed',
      `cannot write ${folder}: ${messageOf(cause)}; name another folder with dir`,
      {cause},
    );
  });
  const past = point === null ? null : await pastOf(folder, point.state.step);
  const files = modelFiles({tf, model});
  let source: ReadingSource | null = null;
  let started: Dispatcher | null = null;
  try {
    source = await openSource({options, files, folder, point, past});
    const {info: measured} = source;
    if (point !== null) refuseMismatch(measured.fingerprint, point, past);
    const info = await describeRun({
      ...measured,
      id,
      name: options.name,
      versions: {tfjs: tf.version_core},
      config: options.config,
    });
    const trackers = [
      ...(options.console && options.trackers.every(({name}) => name !== 'console')
        ? [consoleTracker()]
        : []),
      ...options.trackers,
    ];
    const print = (line: string): void => void process.stderr.write(`${line}\n`);
    const dispatcher = createDispatcher({
      journal: openJournal(folder),
      trackers,
      recordsOf: readRecords,
      patience: PATIENCE,
      now: Date.now,
    });
    const notices = createNotices({
      emit: notice => dispatcher.event(notice),
      print: trackers.some(({name}) => name === 'console') ? () => undefined : print,
      now: Date.now,
      strict: options.strict,
      quiet: options.quiet,
    });
    if (point !== null) await files.restore(point.folder);
    await dispatcher.start(info, {resumed: point !== null});
    started = dispatcher;
    if (point !== null) {
      dispatcher.event({type: 'resumed', time: Date.now(), step: point.state.step});
      await notices.guard('optimizer_not_restored', () => restoreOptimizer(options, point));
    }
    return await createMonitor({
      options,
      run: {id, folder, fingerprint: measured.fingerprint.id},
      source,
      dispatcher,
      notices,
      budget: createBudget({
        share: options.budget,
        cores: availableParallelism(),
        now: () => performance.now(),
        spent: point?.state.spending,
      }),
      checkpoints: await openCheckpoints({run: id, options, point, past, source, notices}),
      saveModel: files.save,
      optimizer: async () => {
        const optimizer = options.optimizer ?? model.optimizer;
        return optimizer ? optimizerFile(optimizer) : {header: null, files: {}};
      },
      resumed: point && {...point, readings: past?.readings.map(({step}) => step) ?? []},
      report: async () => {
        // The plotting library is large, and only wanted here.
        const {renderReport} = await import('../render/index.js');
        const run = await readRun(folder);
        // Written just before the journal is closed, so that its failure is on record too.
        const ended = {type: 'ended', time: Date.now(), state: 'finished'} as const;
        return (await renderReport({...run, events: [...run.events, ended]}, folder)).report;
      },
      release,
      clock: () => performance.now(),
      now: Date.now,
    });
  } catch (error) {
    await source?.close({whole: point === null});
    // A run that trackers were told of stays on record, as one that crashed.
    if (started !== null) await started.finish('crashed');
    else if (point === null) await rm(folder, {recursive: true, force: true});
    throw error;
  }
}

/** What is on record up to the step a run is resumed from; null where its folder holds no record. */
async function pastOf(folder: string, step: number): Promise<RecordedRun | null> {
  if (!existsSync(join(folder, runFiles.info))) return null;
  const run = await readRun(folder);
  return {
    ...run,
    readings: run.readings.filter(reading => reading.step <= step),
    events: run.events.filter(event => event.type !== 'logged' || event.step <= step),
  };
}

async function openSource({
  options,
  files,
  folder,
  point,
  past,
}: {
  options: CheckedOptions;
  files: ModelFiles;
  folder: string;
  point: ResumePoint | null;
  past: RecordedRun | null;
}): Promise<ReadingSource> {
  if (vitConfigOf(options.model) === undefined) return liveSource(options);
  const recorded = new Set(past?.readings.map(({step}) => step));
  return snapshotSource({options, files, folder, past: point && {step: point.state.step, recorded}});
}

/** The pretrained model, the probes and everything else readings depend on must be those of the run. */
function refuseMismatch(
  fingerprint: Fingerprint,
  {folder, state}: ResumePoint,
  past: RecordedRun | null,
): void {
  if (fingerprint.id === state.fingerprint) return;
  const before = past?.info.fingerprint;
  const parts = ['pretrained', 'probes', 'seeds', 'layers', 'pooling', 'inversion', 'floor'] as const;
  const differing = parts.filter(
    part => before !== undefined && JSON.stringify(before[part]) !== JSON.stringify(fingerprint[part]),
  );
  throw new InvarianceError(
    'fingerprint_mismatch',
    `cannot resume run ${state.run} from ${folder}: ${differing.join(', ') || 'fingerprint'} differ from the run's; ` +
      'build the monitor on the same pretrained model and with the same options, or start a new run',
  );
}

async function restoreOptimizer(
  {tf, model, optimizer = model.optimizer}: CheckedOptions,
  {folder, state: {optimizer: header}}: ResumePoint,
): Promise<void> {
  // Not set before the model is compiled, whatever its type says.
  if (!(optimizer as unknown)) {
    throw new InvarianceError(
      'bad_option',
      'the optimizer starts afresh: compile the model, or pass optimizer, before monitorInvariance',
    );
  }
  if (header === null) {
    throw new InvarianceError('bad_record', `the optimizer starts afresh: ${folder} holds no state of one`);
  }
  await loadOptimizer({tf, optimizer, folder, header});
}

async function openCheckpoints({
  run,
  options: {checkpoints},
  point,
  past,
  source,
  notices,
}: {
  run: string;
  options: CheckedOptions;
  point: ResumePoint | null;
  past: RecordedRun | null;
  source: ReadingSource;
  notices: Notices;
}): Promise<Checkpoints | null> {
  if (checkpoints === null) return null;
  const {dir, keep, mode, monitor} = checkpoints;
  await sweep(dir);
  const present =
    point === null ? [] : await ownCheckpoints(dir, {run: point.state.run, upTo: point.state.step});
  const foreign = (await listCheckpoints(dir)).filter(({step}) => !present.includes(step));
  if (foreign.length > 0) {
    notices.raise(
      'warning',
      'foreign_checkpoints',
      `${dir} holds checkpoints of another run, or of steps that are still to come: step ` +
        `${foreign.map(({step}) => step).join(', ')}; each is left alone until this run writes one of its step`,
    );
  }
  const isOfReadings = monitor?.startsWith('invariance/') ?? false;
  return createCheckpoints({
    dir,
    run,
    keep,
    mode,
    present,
    values: monitor === null || past === null ? [] : valuesOf(past, monitor),
    waiting: isOfReadings ? () => source.waiting() : null,
  });
}

/** The values of what `monitor` names that are on record. */
function valuesOf(
  {readings, events, baseline}: RecordedRun,
  monitor: string,
): {step: number; value: number}[] {
  const measured = readings.flatMap(reading => {
    const value = baseline && scalarsOf({...reading, logged: {}}, baseline)[monitor];
    return value == null ? [] : [{step: reading.step, value}];
  });
  const logged = events.flatMap(event => {
    const value = event.type === 'logged' ? event.values[monitor] : undefined;
    return event.type === 'logged' && value !== undefined ? [{step: event.step, value}] : [];
  });
  return [...measured, ...logged];
}

/** Sorts by time and is unique: "20260311-142530-3f9a". */
function newRunId(date: Date): string {
  const [day, time] = date.toISOString().slice(0, 19).replace(/[-:]/g, '').split('T');
  return `${day}-${time}-${randomBytes(2).toString('hex')}`;
}
