import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {readTrainerState} from '../../engine/index.js';

/** A file of this name in the folder says that no checkpoint will follow; `templates/callbacks` leave it. */
export const FINISHED = 'invariance-finished';

/**
 * Why a training into this folder is over, or null while it may go on: the marker of our callbacks, or a newest
 * checkpoint whose `trainer_state.json` has reached `max_steps`.
 *
 * @param newest the newest complete checkpoint, if there is one
 */
export async function trainingEnded(folder: string, newest: string | undefined): Promise<string | null> {
  if (existsSync(join(folder, FINISHED))) return `${FINISHED} is in the folder`;
  const state = newest === undefined ? undefined : await readTrainerState(newest);
  return state?.maxSteps != null && state.step >= state.maxSteps
    ? `step ${state.step} of ${state.maxSteps} is reached`
    : null;
}
