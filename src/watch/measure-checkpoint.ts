import {existsSync} from 'node:fs';
import {stat} from 'node:fs/promises';
import {basename, join} from 'node:path';
import {messageOf} from '../errors.js';
import {
  ADAPTER_CONFIG,
  adapterBase,
  loggedAt,
  modelName,
  namedAdapters,
  readTrainerState,
  TRAINER_STATE,
  type TrainerState,
} from '../models/index.js';
import {readingLine} from '../tracker/index.js';
import type {WatchOptions} from './options.js';
import type {Waiting} from './queue.js';
import type {WatchRecord} from './record.js';
import type {WatchNotices} from './watch-notices.js';

/** What measures, and what is told of it. */
export interface Measurement extends Pick<WatchOptions, 'measurer' | 'pretrained'> {
  record: WatchRecord;
  notices: WatchNotices;
  /** Aborted, what fails is no failure of a checkpoint. */
  signal: AbortSignal;
}

/** The baseline, and the pretrained model itself as the reading at step 0, unless they are on record. */
export async function measurePretrained({measurer, pretrained, record, signal}: Measurement): Promise<void> {
  const baseline = await measurer.baseline();
  if (!record.hasBaseline) record.baseline(baseline);
  if (record.steps.has(0) || signal.aborted) return;
  const moment = {step: 0, epoch: 0, time: (await stat(pretrained)).mtimeMs, logged: {}};
  record.reading(await measurer.read({folder: pretrained, moment}));
}

/** Measures one and records it, with what the training logged. Returns whether it could be measured; if not, that is said. */
export async function measureCheckpoint({found, held}: Waiting, measurement: Measurement): Promise<boolean> {
  const {measurer, record, notices, signal} = measurement;
  const {step, epoch, path, mtime} = found;
  try {
    const state = await trainerStateOf({found, held}, notices);
    if (state !== undefined) record.log(state, mtime);
    await checkBase({found, held}, measurement);
    const moment = {step, epoch, time: mtime, logged: loggedAt(state?.history ?? [], step)};
    const convergence = !record.hasConvergence();
    const reading = await measurer.read({folder: held.path, moment, convergence});
    if (record.steps.has(step)) {
      const message = `step ${step} is measured again: the reading of ${path}, which is newer, stands`;
      notices.raise('info', 'replaced', message);
    }
    record.reading(reading);
    record.checkpoints.done(found);
    notices.say(readingLine(reading));
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    const reason = existsSync(held.path)
      ? messageOf(error).replaceAll(held.path, path)
      : 'it was deleted before it could be measured';
    notices.fail(path, reason);
    return false;
  }
}

async function trainerStateOf(
  {found: {path, mtime}, held}: Waiting,
  notices: WatchNotices,
): Promise<TrainerState | undefined> {
  const state = await readTrainerState(held.path, {notBefore: mtime});
  if (state === undefined && existsSync(join(held.path, TRAINER_STATE)))
    notices.raise(
      'info',
      'state_left_out',
      `${join(path, TRAINER_STATE)} is left out, with the loss in it: it is older than the weights, or damaged; ` +
        'where it belongs to them, touch it and measure again',
    );
  return state;
}

/** An adapter says what it was trained on; merged onto another model that fits, it measures something else. */
async function checkBase(
  {found, held}: Waiting,
  {pretrained, notices}: Pick<Measurement, 'pretrained' | 'notices'>,
): Promise<void> {
  const [others, base] = await Promise.all([namedAdapters(held.path), adapterBase(held.path)]);
  if (others.length > 0 && existsSync(join(held.path, ADAPTER_CONFIG)))
    notices.raise(
      'info',
      'other_adapters',
      `checkpoints hold ${others.join(', ')} beside an adapter without a name: that one is measured unless --adapter names another`,
    );
  if (base !== undefined && modelName(base) !== modelName(pretrained))
    notices.raise(
      'warning',
      'other_base',
      `${basename(found.path)} is an adapter of ${base} and is merged onto ${pretrained}: ` +
        'its readings hold only where these are the same model; else name the right one with --pretrained',
    );
}
