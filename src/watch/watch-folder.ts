import {existsSync} from 'node:fs';
import {rm, stat} from 'node:fs/promises';
import {basename, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {
  adapterBase,
  loggedAt,
  modelName,
  readTrainerState,
  TRAINER_STATE,
  type Checkpoint,
  type TrainerState,
} from '../models/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import {readingLine} from '../tracker/index.js';
import {readRun} from '../journal/index.js';
import {CHECKPOINTS, WATCH_DEFAULTS, type WatchOptions, type WatchSummary} from './options.js';
import {createQueue, type Waiting} from './queue.js';
import {openRecord, type WatchRecord} from './record.js';
import {createScanner, refuseSeveral, type Stepped} from './scan.js';
import {endAnnounced, lastStepReached} from './training-ended.js';

const INTERRUPTED = 'interrupted';

/** Milliseconds a checkpoint that is still being written gets after the end was seen. */
const GRACE = {final: 90_000, marker: 90_000, idle: 90_000, once: 3_000};

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

async function follow(record: WatchRecord, options: WatchOptions): Promise<WatchSummary> {
  const {
    folder,
    measurer,
    pretrained,
    until = WATCH_DEFAULTS.until,
    idle = WATCH_DEFAULTS.idle,
    pid,
    order = WATCH_DEFAULTS.order,
    poll = WATCH_DEFAULTS.poll,
    held: heldBytes = WATCH_DEFAULTS.held,
    every = 1,
    signal = new AbortController().signal,
    say = () => {},
  } = options;
  const {checkpoints} = record;
  const summary: WatchSummary = {
    watched: folder,
    run: record.info.id,
    folder: record.folder,
    measured: [],
    known: [...record.steps].filter(step => step > 0).sort((a, b) => a - b),
    failed: [],
    ended: '',
  };
  const queue = createQueue({into: record.held, order});
  const told = new Set<string>();
  let sawNone = true;
  const gaveUp = new AbortController();

  /** Records it and says it, once. */
  function notice(level: 'info' | 'warning', code: string, message: string): void {
    if (told.has(message)) return;
    told.add(message);
    record.notice(level, code, message);
    say(message);
  }

  function fail(path: string, reason: string): void {
    summary.failed.push({path, reason});
    notice('warning', 'checkpoint_skipped', `${path} is left out: ${reason}`);
  }

  async function accept(found: Stepped): Promise<void> {
    if (!checkpoints.isDone(found)) await queue.add(found).catch(error => fail(found.path, messageOf(error)));
  }

  async function limitHeld(): Promise<void> {
    const dropped = await queue.limit(heldBytes);
    if (dropped.length > 0)
      notice(
        'warning',
        'queue_full',
        `more than ${(heldBytes / 2 ** 30).toPrecision(2)} GiB of deleted checkpoints wait to be measured: ` +
          `step ${dropped.join(', ')} will have no reading`,
      );
  }

  /** Looks until something ends the watch, and says what it was. */
  async function lookOut(): Promise<string> {
    const scan = createScanner(folder, checkpoints);
    let lastChange = Date.now();
    let endSeen: number | null = null;
    const skipped = new Set<string>();
    let count = 0;
    for (;;) {
      const announced = endAnnounced({folder, until, pid});
      const {fresh, passedOver, unfinished, pickled, newest} = await scan();
      sawNone &&= newest === undefined;
      for (const {checkpoint, reason} of passedOver) {
        notice('info', 'passed_over', `${checkpoint.path} is passed over: ${reason}`);
        await queue.remove(checkpoint.path);
        checkpoints.done(checkpoint);
      }
      if (pickled.length > 0) tellPickled(pickled);
      for (const found of fresh) {
        if (count++ % every === 0) await accept(found);
        else skipped.add(found.path);
      }
      await limitHeld();
      if (signal.aborted || gaveUp.signal.aborted) return INTERRUPTED;

      if (fresh.length > 0) lastChange = Date.now();
      const reached = until === 'final' && newest !== undefined ? await lastStepReached(newest) : null;
      const over = announced ?? reached;
      endSeen = over === null ? null : (endSeen ?? Date.now());
      const isOver = endSeen !== null && (unfinished.length === 0 || Date.now() - endSeen > GRACE[until]);
      const isIdle = idle > 0 && queue.isEmpty() && Date.now() - lastChange > idle * 60_000;
      if (isOver || isIdle) {
        if (newest !== undefined && skipped.has(newest.path)) await accept(newest);
        for (const {path, waiting} of unfinished) fail(path, waiting ?? 'it was never completed');
        return over ?? `no new checkpoint for ${idle} minutes`;
      }
      await sleep(poll * 1000, undefined, {signal: AbortSignal.any([signal, gaveUp.signal])}).catch(() => {});
    }
  }

  /** One notice for all: a folder of 10,000 other files of PyTorch's is no 10,000 failures. */
  function tellPickled(pickled: readonly Checkpoint[]): void {
    const {path, waiting} = pickled[0]!;
    const more = pickled.length > 1 ? ` (and ${pickled.length - 1} more like it)` : '';
    const known = summary.failed.find(failure => failure.path === path);
    if (known !== undefined) known.reason = `${waiting}${more}`;
    else fail(path, `${waiting}${more}`);
  }

  async function measureAll(): Promise<void> {
    for (let next = await queue.next(); next !== undefined; next = await queue.next())
      await measure(next).finally(next.held.release);
  }

  async function measure({found, held}: Waiting): Promise<void> {
    const {step, epoch, path, mtime} = found;
    try {
      const state = await stateOf(path, held.path, mtime);
      if (state !== undefined) record.log(state, mtime);
      await checkBase(held.path, path);
      const moment = {step, epoch, time: mtime, logged: loggedAt(state?.history ?? [], step)};
      const reading = await measurer.read({
        folder: held.path,
        moment,
        convergence: !record.hasConvergence(),
      });
      if (record.steps.has(step))
        notice(
          'info',
          'replaced',
          `step ${step} is measured again: the reading of ${path}, which is newer, stands`,
        );
      record.reading(reading);
      checkpoints.done(found);
      summary.measured.push(step);
      say(readingLine(reading));
    } catch (error) {
      if (signal.aborted) return;
      fail(
        path,
        existsSync(held.path)
          ? messageOf(error).replaceAll(held.path, path)
          : 'it was deleted before it could be measured',
      );
    }
  }

  async function stateOf(path: string, place: string, mtime: number): Promise<TrainerState | undefined> {
    const state = await readTrainerState(place, {notBefore: mtime});
    if (state === undefined && existsSync(join(place, TRAINER_STATE)))
      notice(
        'info',
        'state_left_out',
        `${join(path, TRAINER_STATE)} is left out, with the loss in it: it is older than the weights, or damaged; ` +
          'where it belongs to them, touch it and measure again',
      );
    return state;
  }

  /** An adapter says what it was trained on; merged onto another model that fits, it measures something else. */
  async function checkBase(place: string, path: string): Promise<void> {
    const base = await adapterBase(place);
    if (base !== undefined && modelName(base) !== modelName(pretrained))
      notice(
        'warning',
        'other_base',
        `${basename(path)} is an adapter of ${base} and is merged onto ${pretrained}: ` +
          'its readings hold only where these are the same model; else name the right one with --pretrained',
      );
  }

  /** The pretrained model, and itself as the reading at step 0. */
  async function measureStart(): Promise<void> {
    const baseline = await measurer.baseline();
    if (!record.hasBaseline) record.baseline(baseline);
    if (record.steps.has(0) || signal.aborted) return;
    const moment = {step: 0, epoch: 0, time: (await stat(pretrained)).mtimeMs, logged: {}};
    record.reading(await measurer.read({folder: pretrained, moment}));
  }

  const interrupted = new Promise<void>(resolve => {
    const stop = (): void => {
      queue.stop();
      resolve();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, {once: true});
  });
  // Checkpoints are held from the start: the inversions may take longer than a save_total_limit leaves them.
  const measured = Promise.race([interrupted, measureStart()]).then(measureAll);
  const failed = measured.catch((error: unknown) => {
    gaveUp.abort();
    throw error;
  });
  const close = async (state: 'finished' | 'crashed' | 'killed'): Promise<void> => {
    await rm(record.held, {recursive: true, force: true}).catch(() => {});
    await checkpoints.saved();
    await record.finish(state);
  };
  try {
    const [ended] = await Promise.all([lookOut().finally(() => queue.close()), failed]);
    // What was looked for may all be found, and not all of it measured.
    summary.ended = signal.aborted ? INTERRUPTED : ended;
  } catch (error) {
    queue.stop();
    await close('crashed');
    throw error;
  }
  if (sawNone && summary.failed.length === 0 && !signal.aborted) {
    notice('warning', 'no_checkpoint', `no checkpoint in ${folder}: looked for ${CHECKPOINTS}`);
  }
  await close(signal.aborted ? 'killed' : 'finished');
  await writeReport(record.folder).catch((error: unknown) =>
    say(`the report could not be written: ${messageOf(error)}`),
  );
  return summary;
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
