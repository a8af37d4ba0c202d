import {rm, stat} from 'node:fs/promises';
import {InvarianceError, messageOf} from '../errors.js';
import {readRun} from '../journal/index.js';
import {INTERRUPTED, Lookout} from './lookout.js';
import {measureCheckpoint, measurePretrained, type Measurement} from './measure-checkpoint.js';
import {CHECKPOINTS, WATCH_DEFAULTS, type WatchOptions, type WatchSummary} from './options.js';
import {createQueue, type Queue} from './queue.js';
import {openRecord} from './open-record.js';
import type {WatchRecord} from './record.js';
import {refuseSeveral} from './scan.js';
import {WatchNotices} from './watch-notices.js';

/**
 * Follows a training's output folder while it fills: each complete checkpoint is measured and recorded, with the loss
 * and learning rate its `trainer_state.json` tells. What was measured is remembered in the run folder
 * (`watched.json`) and not measured again, unless it was replaced since.
 *
 * @throws InvarianceError `bad_option` where the folder is a file or holds several trainings, `io_failed` where it is
 *   missing and is not waited for, or the run folder cannot be written; and whatever the baseline throws. A checkpoint
 *   that cannot be measured is a notice, and the next one is.
 */
export async function watchFolder(options: WatchOptions): Promise<WatchSummary> {
  const {folder, until = WATCH_DEFAULTS.until, onRun = () => {}} = options;
  await checkFolder(folder, until);
  const record = await openRecord(options);
  onRun({folder: record.folder, info: record.info});
  return follow(record, options);
}

/** Looks out for checkpoints and measures them at the same time, until nothing more comes and all is measured. */
async function follow(record: WatchRecord, options: WatchOptions): Promise<WatchSummary> {
  const {
    folder,
    measurer,
    pretrained,
    order = WATCH_DEFAULTS.order,
    signal = new AbortController().signal,
    say = () => {},
  } = options;
  const notices = new WatchNotices(record, say);
  const queue = createQueue({into: record.held, order});
  const lookout = new Lookout(options, {
    checkpoints: record.checkpoints,
    queue,
    notices,
    now: () => Date.now(),
  });
  const known = [...record.steps].filter(step => step > 0).sort((a, b) => a - b);
  const measured: number[] = [];
  const gaveUp = new AbortController();
  let ended: string;
  try {
    const measurement = {measurer, pretrained, record, notices, signal};
    const measuring = measureAll(queue, {measurement, measured}).catch((error: unknown) => {
      gaveUp.abort();
      throw error;
    });
    const looking = lookout.untilEnd(AbortSignal.any([signal, gaveUp.signal])).finally(() => queue.close());
    [ended] = await Promise.all([looking, measuring]);
  } catch (error) {
    queue.stop();
    await close(record, 'crashed');
    throw error;
  }
  if (!lookout.sawCheckpoints && notices.failed.length === 0 && !signal.aborted) {
    notices.raise('warning', 'no_checkpoint', `no checkpoint in ${folder}: looked for ${CHECKPOINTS}`);
  }
  await close(record, signal.aborted ? 'killed' : 'finished');
  await writeReport(record.folder).catch((error: unknown) =>
    say(`the report could not be written: ${messageOf(error)}`),
  );
  return {
    watched: folder,
    run: record.info.id,
    folder: record.folder,
    measured,
    known,
    failed: notices.failed,
    // What was looked for may all be found, and not all of it measured.
    ended: signal.aborted ? INTERRUPTED : ended,
  };
}

/** Measures the pretrained model, and then what the queue hands out, until it is closed and empty or the watch stopped. */
async function measureAll(
  queue: Queue,
  {measurement, measured}: {measurement: Measurement; measured: number[]},
): Promise<void> {
  const {signal} = measurement;
  const interrupted = new Promise<void>(resolve => {
    const stop = (): void => {
      queue.stop();
      resolve();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, {once: true});
  });
  // Checkpoints are held from the start: the inversions may take longer than a save_total_limit leaves them.
  await Promise.race([interrupted, measurePretrained(measurement)]);
  for (let next = await queue.next(); next !== undefined; next = await queue.next()) {
    const isMeasured = await measureCheckpoint(next, measurement).finally(next.held.release);
    if (isMeasured) measured.push(next.found.step);
  }
}

async function close(record: WatchRecord, state: 'finished' | 'crashed' | 'killed'): Promise<void> {
  await rm(record.held, {recursive: true, force: true}).catch(() => {});
  await record.checkpoints.saved();
  await record.finish(state);
}

async function writeReport(folder: string): Promise<void> {
  // The plotting library is large, and only wanted here.
  const {renderReport} = await import('../render/index.js');
  await renderReport(await readRun(folder), folder);
}

/** What can be refused before anything is started. */
async function checkFolder(folder: string, until: WatchOptions['until']): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined && !found.isDirectory())
    throw new InvarianceError('bad_option', `${folder} is a file: name the training's output folder`);
  if (found === undefined && until === 'once')
    throw new InvarianceError('io_failed', `there is no folder ${folder}; name the training's output folder`);
  await refuseSeveral(folder);
}
