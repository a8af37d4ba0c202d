import {linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync} from 'node:fs';
import {hostname} from 'node:os';
import {join} from 'node:path';
import {isAlive} from '../../../disk/index.js';

/** Name of the file in a run folder that says who uploads it. */
export const lockFile = 'wandb.lock';

/** Who holds a lock says so this often, in milliseconds, whatever else it does. */
const refreshMs = 20_000;

/**
 * A lock that nobody refreshed for this long, in milliseconds, is nobody's: its process died on another machine, or its
 * number belongs to another process by now. Machines that share a folder agree on the time that well.
 */
const staleMs = 120_000;

/** What became of an attempt to take a lock. */
export type Lock =
  | {status: 'taken'; release: () => void}
  /** `by` is for people: the process, its machine, the lock file and what to do. */
  | {status: 'held'; by: string};

function holderOf(text: string): {pid: number; host: string} | null {
  try {
    return JSON.parse(text) as {pid: number; host: string};
  } catch {
    // Its writer is about to write it, or died while it did.
    return null;
  }
}

function isStale(path: string, text: string): boolean {
  const holder = holderOf(text);
  if (holder?.host === hostname() && !isAlive(holder.pid)) return true;
  const at = statSync(path, {throwIfNoEntry: false})?.mtimeMs;
  return at !== undefined && Date.now() - at > staleMs;
}

/** Creates a file with this text where there is none; false where there is one. */
function create(path: string, text: string): boolean {
  const part = `${path}.${process.pid}`;
  try {
    writeFileSync(part, text);
    // A link appears whole or not at all.
    linkSync(part, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
  } finally {
    rmSync(part, {force: true});
  }
  // A file system without hard links.
  try {
    writeFileSync(path, text, {flag: 'wx'});
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** One uploader a run. The lock of a process that died, here or elsewhere, is taken over. */
export function lockRun(folder: string): Lock {
  const path = join(folder, lockFile);
  const mine = JSON.stringify({pid: process.pid, host: hostname(), at: `${Date.now()}-${Math.random()}`});
  const read = (): string | null => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return null;
    }
  };
  const taken = (): Lock => {
    const timer = setInterval(() => {
      try {
        if (read() === mine) utimesSync(path, new Date(), new Date());
      } catch {
        // The disk's trouble; the next time.
      }
    }, refreshMs).unref();
    return {
      status: 'taken',
      release() {
        clearInterval(timer);
        // Where somebody took it over it is theirs.
        if (read() === mine) rmSync(path, {force: true});
      },
    };
  };
  if (create(path, mine)) return taken();
  const held = read();
  if (held !== null && isStale(path, held)) {
    const stale = `${path}.stale.${process.pid}`;
    try {
      renameSync(path, stale);
      // Another process was quicker and this is its fresh lock: it goes back.
      if (readFileSync(stale, 'utf8') !== held) create(path, readFileSync(stale, 'utf8'));
    } catch {
      // Gone already.
    } finally {
      rmSync(stale, {force: true});
    }
  }
  if (create(path, mine)) return taken();
  const holder = holderOf(read() ?? held ?? '');
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return {
    status: 'held',
    by: `${who} is uploading it right now; wait for it, or remove ${path} if that is no uploader of this run`,
  };
}
