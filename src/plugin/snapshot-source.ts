import {join} from 'node:path';
import {
  linkModel,
  openSnapshots,
  type ModelFiles,
  type Snapshot,
  type Snapshots,
} from '../checkpoints/index.js';
import {removeFolder} from '../disk/index.js';
import {vitConfigOf} from '../engine/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import {
  startChildMeasurer,
  type ChildMeasurer,
  type MeasurerInfo,
  type MeasurerSpec,
  type Progress,
  type ReadingCost,
} from '../measure/index.js';
import {loadProbes, withoutTensors} from '../probes/index.js';
import type {Moment} from '../types.js';
import type {MeasuringOptions} from './options.js';
import type {ReadingSource, SourceEvents} from './reading-source.js';
import {SnapshotQueue, WAITING} from './snapshot-queue.js';

/** Steps that are on record already, and the step training goes on from. */
type Past = {step: number; recorded: ReadonlySet<number>} | null;

/**
 * Measures a known ViT in a niced child process. The training thread only writes a snapshot of the weights; the child
 * reads it while training goes on. Until the pretrained model is inverted, snapshots wait on disk; when more than 16
 * wait, they are thinned out evenly over the run.
 * @param folder of the run
 * @param past snapshots that a killed process left are measured up to the step training goes on from; later ones are
 *   dropped
 */
export async function snapshotSource({
  options,
  files,
  folder,
  past,
}: {
  options: MeasuringOptions;
  files: ModelFiles;
  folder: string;
  past: Past;
}): Promise<ReadingSource> {
  const {layers, pooling, probesMax, seeds, reference, floor, scratch, inversion, factors} = options;
  const pretrained = reference ?? join(folder, 'reference');
  if (reference === undefined) await files.save(pretrained);
  const events = new ChildEvents();
  const measurer = startChildMeasurer(
    {
      pretrained,
      ...(await probesOf(options)),
      probesMax,
      layers,
      pooling,
      seeds,
      floor,
      scratch,
      inversion,
      factors,
    },
    {
      onProgress: progress => events.progress(progress),
      onNotice: (code, message) => events.notice(code, message),
    },
  );
  try {
    const info = await measurer.info();
    const slower = slowerEngine(info.engine);
    if (slower !== null) events.notice('slower_engine', slower);
    if (reference !== undefined) await checkLiveModel({measurer, files, folder});
    const cost = await measurer.cost();
    const snapshots = openSnapshots(join(folder, 'snapshots'));
    const written = reference === undefined ? pretrained : null;
    return new SnapshotSource(info, cost, {measurer, files, snapshots, past, events, written});
  } catch (error) {
    await measurer.close();
    throw error;
  }
}

/** Where the engine in words is not the fast one: the factor, and the remedy. */
export function slowerEngine(engine: string): string | null {
  return engine.startsWith('onnxruntime-web')
    ? 'readings are made with onnxruntime-web, which takes two to four times as long as onnxruntime-node: ' +
        'npm i onnxruntime-node@~1.30.0 --onnxruntime-node-install=skip'
    : null;
}

/** Where the reference is another folder, a model that does not fit it is refused before the inversion, not after. */
async function checkLiveModel({
  measurer,
  files,
  folder,
}: {
  measurer: ChildMeasurer;
  files: ModelFiles;
  folder: string;
}): Promise<void> {
  const live = join(folder, 'live');
  await files.save(live);
  await measurer.check(live).finally(() => removeFolder(live));
}

/** The child reads files itself; what is in memory is sent to it. */
async function probesOf({
  tf,
  model,
  probes,
  probesMax,
  labels: given,
}: MeasuringOptions): Promise<Pick<MeasurerSpec, 'probes' | 'labels'>> {
  const source = await withoutTensors(tf, probes);
  if (typeof source === 'string') return {probes: source, labels: given};
  const preprocessor = vitConfigOf(model)?.preprocessor;
  const {images, labels} = await loadProbes(source, {preprocessor, max: probesMax, labels: given});
  return {probes: images, labels: labels[0]?.of.map(label => labels[0]!.names[label]!)};
}

/** What the child says. Holds the notices that come before anybody listens. */
class ChildEvents {
  private listener: SourceEvents | null = null;
  private readonly early: [code: string, message: string][] = [];

  listen(listener: SourceEvents): void {
    this.listener = listener;
    for (const [code, message] of this.early) listener.notice('warning', code, message);
  }

  progress(progress: Progress): void {
    this.listener?.progress(progress);
  }

  notice(code: string, message: string): void {
    if (this.listener === null) this.early.push([code, message]);
    else this.listener.notice('warning', code, message);
  }
}

/** Holds the snapshots that wait, whether there is a baseline to measure them against, and the work under way. */
class SnapshotSource implements ReadingSource {
  private readonly queue: SnapshotQueue;
  /** Given by `begin`, before which nothing is taken. */
  private events!: SourceEvents;
  private baseline: 'unknown' | 'known' | 'failed' = 'unknown';
  private working: Promise<void> | null = null;
  private closing = false;

  /** @param parts.written the reference, where it was written for this run alone: removed at its end */
  constructor(
    readonly info: MeasurerInfo,
    readonly cost: ReadingCost,
    private readonly parts: {
      measurer: ChildMeasurer;
      files: ModelFiles;
      snapshots: Snapshots;
      past: Past;
      events: ChildEvents;
      written: string | null;
    },
  ) {
    this.queue = new SnapshotQueue(parts.snapshots);
  }

  async begin(events: SourceEvents): Promise<void> {
    this.events = events;
    this.parts.events.listen(events);
    await this.queue.restore(this.parts.past);
    this.start();
  }

  async take(moment: Moment, {acquire}: {acquire: boolean}): Promise<void> {
    const {snapshots, files} = this.parts;
    if (this.baseline === 'failed') return;
    const save: ModelFiles['save'] = (folder, further) => files.save(folder, further);
    const dropped = await this.queue.add(await snapshots.take(moment, {acquire, save}));
    if (dropped.length > 0) {
      this.events.notice(
        'warning',
        'queue_full',
        `more than ${WAITING} snapshots wait to be measured: step ${dropped.join(', ')} will have no reading`,
      );
    }
    this.start();
  }

  waiting(): number[] {
    return this.queue.steps();
  }

  async lend(step: number, to: string): Promise<boolean> {
    const snapshot = this.queue.find(step);
    if (snapshot === undefined) return false;
    // It may be measured and gone at any moment.
    return linkModel(snapshot.folder, to).then(
      () => true,
      () => removeFolder(to).then(() => false),
    );
  }

  async drain(): Promise<void> {
    while (this.working !== null) await this.working;
  }

  async close({whole}: {whole: boolean}): Promise<void> {
    const {measurer, snapshots, written} = this.parts;
    this.closing = true;
    await measurer.close();
    await this.working;
    if (!whole) return;
    await snapshots.clear();
    if (written !== null) await removeFolder(written);
  }

  private start(): void {
    this.working ??= this.work().finally(() => (this.working = null));
  }

  private async work(): Promise<void> {
    if (this.baseline === 'unknown') await this.measureBaseline();
    if (this.baseline === 'unknown') return;
    for (let next = this.queue.next(); next !== null; next = this.queue.next()) {
      if (this.baseline === 'known') await this.measure(next);
      // Closed before its end: the snapshots stay on disk, to be measured when the run is resumed.
      if (this.closing) return;
      await this.parts.snapshots.remove(next).catch(() => undefined);
    }
  }

  private async measureBaseline(): Promise<void> {
    try {
      this.events.baseline(await this.parts.measurer.baseline());
      this.baseline = 'known';
    } catch (error) {
      if (this.closing) return;
      this.baseline = 'failed';
      this.events.notice('error', 'baseline_failed', `no readings in this run: ${messageOf(error)}`);
    }
  }

  private async measure({folder, moment, acquire}: Snapshot): Promise<void> {
    try {
      const reading = await this.parts.measurer.read({folder, moment, acquire});
      this.events.reading(reading, {child: reading.cost.cpuSeconds! * 1000});
    } catch (error) {
      if (this.closing) return;
      // The snapshot is of this very model: nothing else can be wrong with its weights.
      if (error instanceof InvarianceError && error.code === 'bad_weights')
        this.events.diverged(moment.step, messageOf(error));
      this.events.notice('error', 'reading_failed', `no reading at step ${moment.step}: ${messageOf(error)}`);
    }
  }
}
