import {access, constants, mkdir} from 'node:fs/promises';
import {
  createCheckpoints,
  listCheckpoints,
  ownCheckpoints,
  type Checkpoints,
  type ResumePoint,
} from '../checkpoints/index.js';
import {sweep} from '../disk/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import type {RecordedRun} from '../journal/index.js';
import {scalarsOf, type Notices} from '../tracker/index.js';
import {isOfReadings} from './best-checkpoint.js';
import type {CheckedOptions} from './options.js';
import type {ReadingSource} from './reading-source.js';

/**
 * The checkpoints of a run, those of before it was resumed among them; null where none are asked for.
 * @throws InvarianceError `io_failed` where their folder cannot be written
 */
export async function openCheckpoints({
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
  await mkdir(dir, {recursive: true})
    .then(() => access(dir, constants.W_OK))
    .catch((cause: unknown) => {
      throw new InvarianceError(
        'io_failed',
        `checkpoints cannot be written to ${dir}: ${messageOf(cause)}; name another folder with checkpoints.dir`,
        {cause},
      );
    });
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
  return createCheckpoints({
    dir,
    run,
    keep,
    mode,
    present,
    values: monitor === null || past === null ? [] : valuesOf(past, monitor),
    waiting: isOfReadings(monitor) ? () => source.waiting() : undefined,
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
