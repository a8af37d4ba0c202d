import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {isAlive} from '../disk/index.js';
import {readTrainerState} from '../models/index.js';
import type {WatchOptions} from './options.js';
import type {Stepped} from './scan.js';

/** A file of this name in the folder says that no checkpoint will follow; `templates/callbacks` leave it. */
export const FINISHED = 'invariance-finished';

/**
 * Why no checkpoint will come into this folder after this moment, or null while one may. Ask before looking into
 * the folder: a checkpoint that came between the look and the answer would be missed.
 */
export function endAnnounced({
  folder,
  until,
  pid,
}: Pick<WatchOptions, 'folder' | 'until' | 'pid'>): string | null {
  if (until === 'once') return 'everything that was there is measured';
  if (until !== 'idle' && existsSync(join(folder, FINISHED))) return `${FINISHED} is in the folder`;
  return pid !== undefined && !isAlive(pid) ? `process ${pid} has ended` : null;
}

/** Whether this checkpoint says that it is the last of its training, and how. */
export async function lastStepReached({path, mtime}: Stepped): Promise<string | null> {
  const state = await readTrainerState(path, {notBefore: mtime});
  return state?.maxSteps != null && state.step >= state.maxSteps
    ? `step ${state.step} of ${state.maxSteps} is reached`
    : null;
}
