import {randomBytes} from 'node:crypto';
import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {findResumePoint, type ResumePoint} from '../checkpoints/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import {openJournal, type RecordedRun} from '../journal/index.js';
import {
  consoleTracker,
  createDispatcher,
  createNotices,
  type Dispatcher,
  type Notices,
} from '../tracker/index.js';
import type {CheckedOptions} from './options.js';
import {pastOf} from './resume-run.js';

/** Milliseconds that slow trackers get at the end, all together; the journal holds what they did not take. */
const PATIENCE = 120_000;

/** The run that is monitored: a new one, or one that goes on. */
export interface OpenedRun {
  id: string;
  /** Of its record; there, and can be written. */
  folder: string;
  /** The checkpoint it goes on from; null for a new run. */
  point: ResumePoint | null;
  /** What is on record up to there; null for a new run, or where the record is gone. */
  past: RecordedRun | null;
}

/** @throws InvarianceError `bad_record` where there is no such checkpoint, `io_failed` where the folder cannot be written */
export async function openRun({resume, dir, checkpoints}: CheckedOptions): Promise<OpenedRun> {
  const point = await findResumePoint({resume, dir: checkpoints?.dir});
  const id = point?.state.run ?? newRunId(new Date());
  const folder = join(dir, id);
  await mkdir(folder, {recursive: true}).catch(cause => {
    throw new InvarianceError(
      'io_failed',
      `cannot write ${folder}: ${messageOf(cause)}; name another folder with dir`,
      {cause},
    );
  });
  return {id, folder, point, past: point && (await pastOf(folder, point.state.step))};
}

/** What records the run: the journal, then the console where it is wanted, then the user's trackers. */
export function openRecorder(
  {trackers: given, console: isWanted, strict, quiet}: CheckedOptions,
  folder: string,
): {dispatcher: Dispatcher; notices: Notices} {
  const isGiven = given.some(({name}) => name === 'console');
  const trackers = [...(isWanted && !isGiven ? [consoleTracker()] : []), ...given];
  const dispatcher = createDispatcher({
    journal: openJournal(folder),
    trackers,
    patience: PATIENCE,
    now: Date.now,
  });
  const print = (line: string): void => void process.stderr.write(`${line}\n`);
  const notices = createNotices({
    emit: notice => dispatcher.event(notice),
    print: isWanted || isGiven ? () => undefined : print,
    now: Date.now,
    strict,
    quiet,
  });
  return {dispatcher, notices};
}

/** Sorts by time and is unique: "20260311-142530-3f9a". */
function newRunId(date: Date): string {
  const [day, time] = date.toISOString().slice(0, 19).replace(/[-:]/g, '').split('T');
  return `${day}-${time}-${randomBytes(2).toString('hex')}`;
}
