import {rm} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import type {LayersModel} from '@tensorflow/tfjs';
import {modelFiles, optimizerFile, type ModelFiles} from '../checkpoints/index.js';
import {vitConfigOf} from '../engine/index.js';
import {InvarianceError} from '../errors.js';
import {describeRun, leftOutText, readRun} from '../journal/index.js';
import {resolveModel} from '../models/index.js';
import type {Dispatcher, Notices} from '../tracker/index.js';
import {createBudget} from './budget.js';
import {checkOptions} from './check-options.js';
import {liveSource} from './live-source.js';
import {createMonitor, type Monitor} from './monitor.js';
import {openCheckpoints} from './open-checkpoints.js';
import {openRecorder, openRun, type OpenedRun} from './open-run.js';
import type {CheckedOptions, MonitorOptions} from './options.js';
import type {ReadingSource} from './reading-source.js';
import {refuseMismatch, restoreOptimizer} from './resume-run.js';
import {snapshotSource} from './snapshot-source.js';

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
    return await open(await withFolders(options), release);
  } catch (error) {
    release();
    throw error;
  }
}

/** A hub name is as good as a folder wherever one of a model is named. */
async function withFolders(options: CheckedOptions): Promise<CheckedOptions> {
  const {reference, floor, scratch} = options;
  const folderOf = (model: string): Promise<string> => resolveModel({model});
  return {
    ...options,
    ...(reference !== undefined && {reference: await folderOf(reference)}),
    ...(scratch !== undefined && {scratch: await folderOf(scratch)}),
    ...(typeof floor === 'object' && {floor: await Promise.all(floor.map(folderOf))}),
  };
}

async function open(options: CheckedOptions, release: () => void): Promise<Monitor> {
  const {tf, model} = options;
  const run = await openRun(options);
  const {folder, point} = run;
  const files = modelFiles({tf, model});
  let source: ReadingSource | null = null;
  let started: Dispatcher | null = null;
  try {
    source = await openSource(options, {files, run});
    if (point !== null) refuseMismatch(source.info.fingerprint, point, run.past);
    const info = await describeRun({
      ...source.info,
      id: run.id,
      name: options.name,
      versions: {tfjs: tf.version_core},
      config: options.config,
    });
    const {dispatcher, notices} = openRecorder(options, folder);
    if (point !== null) await files.restore(point.folder);
    await dispatcher.start(info, {resumed: point !== null});
    started = dispatcher;
    if (point !== null) {
      dispatcher.event({type: 'resumed', time: Date.now(), step: point.state.step});
      const leftOut = leftOutText(run.past?.problems ?? []);
      if (leftOut !== null) notices.raise('warning', 'journal_left_out', leftOut);
      const restored = await notices.guard('optimizer_not_restored', () => restoreOptimizer(options, point));
      if (restored) notices.raise('info', 'optimizer_restored', restored, {aloud: true});
    }
    return await begin(options, {run, source, files, dispatcher, notices, release});
  } catch (error) {
    await source?.close({whole: point === null});
    // A run that trackers were told of stays on record, as one that crashed.
    if (started !== null) await started.finish('crashed');
    else if (point === null) await rm(folder, {recursive: true, force: true});
    throw error;
  }
}

async function openSource(
  options: CheckedOptions,
  {files, run: {folder, point, past}}: {files: ModelFiles; run: OpenedRun},
): Promise<ReadingSource> {
  if (vitConfigOf(options.model) === undefined) return liveSource(options);
  const recorded = new Set(past?.readings.map(({step}) => step));
  return snapshotSource({options, files, folder, past: point && {step: point.state.step, recorded}});
}

/** The monitor of a run whose record is open. */
async function begin(
  options: CheckedOptions,
  {
    run,
    source,
    files,
    dispatcher,
    notices,
    release,
  }: {
    run: OpenedRun;
    source: ReadingSource;
    files: ModelFiles;
    dispatcher: Dispatcher;
    notices: Notices;
    release: () => void;
  },
): Promise<Monitor> {
  const {id, folder, point, past} = run;
  const {model} = options;
  return createMonitor({
    options,
    run: {id, folder, fingerprint: source.info.fingerprint.id},
    source,
    dispatcher,
    notices,
    budget: createBudget({
      share: options.budget,
      cores: availableParallelism(),
      now: () => performance.now(),
      spent: point?.state.spending,
      cost: source.cost ?? undefined,
    }),
    checkpoints: await openCheckpoints({run: id, options, point, past, source, notices}),
    saveModel: folder => files.save(folder),
    optimizer: async () => {
      const optimizer = options.optimizer ?? model.optimizer;
      return optimizer ? optimizerFile(optimizer) : {header: null, files: {}};
    },
    resumed: point && {...point, readings: past?.readings.map(({step}) => step) ?? []},
    report: () => reportOf(folder),
    release,
    clock: () => performance.now(),
    now: Date.now,
  });
}

async function reportOf(folder: string): Promise<string> {
  // The plotting library is large, and only wanted here.
  const {renderReport} = await import('../render/index.js');
  const run = await readRun(folder);
  // Written just before the journal is closed, so that its failure is on record too.
  return (await renderReport({...run, state: 'finished'}, folder)).report;
}
