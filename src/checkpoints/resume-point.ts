import {readTrainerState, type LogEntry} from '../models/index.js';
import {listCheckpoints} from './checkpoints.js';
import {readTrainingState, type TrainingState} from './training-state.js';

/** The checkpoint a run goes on from. */
export interface ResumePoint {
  folder: string;
  state: TrainingState;
  log: readonly LogEntry[];
}

/**
 * Finds it: the folder named, or for 'auto' the one in `dir` that was written last. By time, not by step: after a run was
 * resumed from an earlier checkpoint, those of the crashed tail are no longer its newest.
 * @returns null for 'auto' where `dir` holds no checkpoint that a monitor wrote
 * @throws InvarianceError `bad_record` where the folder named is not one
 */
export async function findResumePoint({
  resume,
  dir,
}: {
  resume: string | undefined;
  dir: string | undefined;
}): Promise<ResumePoint | null> {
  if (resume === undefined) return null;
  if (resume !== 'auto') return pointAt(resume);
  let newest: ResumePoint | null = null;
  for (const {path} of await listCheckpoints(dir!)) {
    const point = await pointAt(path).catch(() => null);
    if (point !== null && (newest === null || point.state.time > newest.state.time)) newest = point;
  }
  return newest;
}

async function pointAt(folder: string): Promise<ResumePoint> {
  const state = await readTrainingState(folder);
  return {folder, state, log: (await readTrainerState(folder))?.history ?? []};
}
