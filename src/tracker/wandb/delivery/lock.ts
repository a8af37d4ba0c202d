import {join} from 'node:path';
import {takeLock} from '../../../disk/index.js';

/** Name of the file in a run folder that says who uploads it. */
export const lockFile = 'wandb.lock';

/** What became of an attempt to take a lock. */
export type Lock =
  | {status: 'taken'; release: () => void}
  /** `by` is for people: the process, its machine, the lock file and what to do. */
  | {status: 'held'; by: string};

/** One uploader a run. The lock of a process that died, here or elsewhere, is taken over. */
export function lockRun(folder: string): Lock {
  const path = join(folder, lockFile);
  const lock = takeLock(path);
  if (lock.status === 'taken') return lock;
  const {holder} = lock;
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return {
    status: 'held',
    by: `${who} is uploading it right now; wait for it, or remove ${path} if that is no uploader of this run`,
  };
}
