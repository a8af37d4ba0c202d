import {join} from 'node:path';
import {vitConfigOf} from '../engine/index.js';
import {messageOf} from '../errors.js';
import type {Images, Moment} from '../types.js';
import {removeFolder} from '../disk/index.js';
import type {ModelFiles} from '../checkpoints/index.js';
import type {ReadingSource, SourceEvents} from './reading-source.js';
import type {CheckedOptions} from './options.js';
import {loadProbes} from '../probes/index.js';
import {linkModel, openSnapshots, type Snapshot} from '../checkpoints/index.js';
import {startChildMeasurer, type MeasurerInfo} from '../measure/index.js';
import {withoutTensors} from '../probes/index.js';
import {thin} from '../measure/index.js';

/** Snapshots that wait on disk at most, each as large as the model. */
const WAITING = 16;

type Options = Pick<
  CheckedOptions,
  'tf' | 'model' | 'layers' | 'pooling' | 'probes' | 'probesMax' | 'seeds' | 'reference' | 'inversion'
>;

/**
 * Measures a known ViT in a niced child process. The training thread only writes a snapshot of the weights; the child
 * reads it while training goes on. Until the pretrained model is inverted, snapshots wait on disk; when more than 16
 * wait, they are thinned out evenly over the run.
 * @param folder of the run
 * @param past steps that are on record already, and the step training goes on from: what a killed process left to
 *   measure up to there is measured, what it left beyond is dropped
 */
export async function snapshotSource({
  options,
  files,
  folder,
  past,
}: {
  options: Options;
  files: ModelFiles;
  folder: string;
  past: {step: number; recorded: ReadonlySet<number>} | null;
}): Promise<ReadingSource> {
  const {layers, pooling, probesMax, seeds, inversion} = options;
  const pretrained = options.reference ?? join(folder, 'reference');
  if (options.reference === undefined) await files.save(pretrained);
  const snapshots = openSnapshots(join(folder, 'snapshots'));

  let events: SourceEvents | null = null;
  /** What the child says before anybody listens. */
  const early: [code: string, message: string][] = [];
  const measurer = startChildMeasurer(
    {
      pretrained,
      probes: await probesOf(options),
      probesMax,
      layers,
      pooling,
      seeds,
      inversion,
    },
    {
      onProgress: progress => events?.progress(progress),
      onNotice: (code, message) =>
        events === null ? early.push([code, message]) : events.notice('warning', code, message),
    },
  );
  let info: MeasurerInfo;
  try {
    info = await measurer.info();
    if (options.reference !== undefined) await checkLiveModel();
  } catch (error) {
    await measurer.close();
    throw error;
  }

  /** The reference is another folder: that the model fits it shows before the inversion, not after. */
  async function checkLiveModel(): Promise<void> {
    const live = join(folder, 'live');
    await files.save(live);
    await measurer.check(live).finally(() => removeFolder(live));
  }

  const queue: Snapshot[] = [];
  let working: Promise<void> | null = null;
  let baseline: 'unknown' | 'known' | 'failed' = 'unknown';
  let inWork: Snapshot | null = null;
  let closing = false;

  async function work(): Promise<void> {
    if (baseline === 'unknown') {
      try {
        events!.baseline(await measurer.baseline());
        baseline = 'known';
      } catch (error) {
        if (closing) return;
        baseline = 'failed';
        events!.notice('error', 'baseline_failed', `no readings in this run: ${messageOf(error)}`);
      }
    }
    while ((inWork = queue.shift() ?? null) !== null) {
      if (baseline === 'known') await measure(inWork);
      // Closed before its end: the snapshots stay on disk, to be measured when the run is resumed.
      if (closing) return;
      await snapshots.remove(inWork).catch(() => undefined);
    }
  }

  async function measure({folder, moment, acquire}: Snapshot): Promise<void> {
    try {
      const reading = await measurer.read({folder, moment, acquire});
      events!.reading(reading, {child: reading.cost.seconds * 1000});
    } catch (error) {
      if (closing) return;
      events!.notice('error', 'reading_failed', `no reading at step ${moment.step}: ${messageOf(error)}`);
    }
  }

  function start(): void {
    working ??= work().finally(() => (working = null));
  }

  async function giveUp(): Promise<void> {
    const dropped = new Set(
      thin(
        queue.map(({moment}) => moment.step),
        WAITING,
      ),
    );
    for (const snapshot of queue.filter(({moment}) => dropped.has(moment.step))) {
      queue.splice(queue.indexOf(snapshot), 1);
      await snapshots.remove(snapshot);
    }
    if (dropped.size > 0) {
      events!.notice(
        'warning',
        'queue_full',
        `more than ${WAITING} snapshots wait to be measured: step ${[...dropped].join(', ')} will have no reading`,
      );
    }
  }

  return {
    info,
    async begin(given) {
      events = given;
      for (const [code, message] of early) events.notice('warning', code, message);
      if (past === null) await snapshots.clear();
      for (const snapshot of await snapshots.list()) {
        const {step} = snapshot.moment;
        if (step <= past!.step && !past!.recorded.has(step)) queue.push(snapshot);
        else await snapshots.remove(snapshot);
      }
      start();
    },
    async take(moment: Moment, {acquire}) {
      if (baseline === 'failed') return;
      queue.push(await snapshots.take(moment, {acquire, save: files.save}));
      await giveUp();
      start();
    },
    waiting: () => [...(inWork ? [inWork] : []), ...queue].map(({moment}) => moment.step),
    async lend(step, to) {
      const snapshot = [...queue, ...(inWork ? [inWork] : [])].find(({moment}) => moment.step === step);
      if (snapshot === undefined) return false;
      // It may be measured and gone at any moment.
      return linkModel(snapshot.folder, to).then(
        () => true,
        () => removeFolder(to).then(() => false),
      );
    },
    async drain() {
      while (working !== null) await working;
    },
    async close({whole}) {
      closing = true;
      await measurer.close();
      await working;
      if (!whole) return;
      await snapshots.clear();
      if (options.reference === undefined) await removeFolder(pretrained);
    },
  };
}

/** The child reads files itself; what is in memory is sent to it. */
async function probesOf({tf, model, probes, probesMax}: Options): Promise<string | Images> {
  const source = await withoutTensors(tf, probes);
  if (typeof source === 'string') return source;
  const preprocessor = vitConfigOf(model)?.preprocessor;
  const {images} = await loadProbes(source, {preprocessor, max: probesMax});
  return images;
}
