import {randomUUID} from 'node:crypto';
import {linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync} from 'node:fs';
import {temporaryBeside} from './replace-file.js';
import {fateOf, thisProcess, type ProcessIdentity} from './process-identity.js';

/** Who holds a lock says so this often, in milliseconds, whatever else it does. */
const REFRESH_MS = 20_000;

/**
 * A lock whose holder cannot be asked after (it is on another machine, say) is nobody's when it was not refreshed for so
 * long, in milliseconds. Machines that share a folder agree on the time that well.
 */
const STALE_MS = 120_000;

/** What became of an attempt to take a lock. */
export type Lock =
  | {status: 'taken'; release: () => void}
  /** `holder` is null where it has not written its name yet. */
  | {status: 'held'; holder: ProcessIdentity | null};

interface LockOptions {
  /** Default `STALE_MS`; longer where the holder's event loop may stand still for that long. */
  staleMs?: number;
}

/**
 * Takes the lock that a file at `path` is. It is one process's at a time; that of a process that is gone, or of one
 * elsewhere that was not heard of for long, is taken over, by exactly one of those who try.
 *
 * @throws the system's error where the folder cannot be written
 */
export function takeLock(path: string, {staleMs = STALE_MS}: LockOptions = {}): Lock {
  const mine = JSON.stringify({...thisProcess(), token: randomUUID()});
  if (create(path, mine)) return taken(path, mine);
  if (isHeld(path, staleMs)) return held(path);
  // Who may take over a lock is settled by a lock: else a late one would take away what a quicker one has just taken.
  const turn = takeLock(`${path}~`, {staleMs});
  if (turn.status === 'held') return held(path);
  try {
    if (create(path, mine)) return taken(path, mine);
    if (isHeld(path, staleMs)) return held(path);
    replace(path, mine);
    return taken(path, mine);
  } finally {
    turn.release();
  }
}

function taken(path: string, mine: string): Lock {
  const timer = setInterval(() => {
    try {
      if (textOf(path) === mine) utimesSync(path, new Date(), new Date());
    } catch {
      // The disk's trouble; the next time.
    }
  }, REFRESH_MS).unref();
  return {
    status: 'taken',
    release() {
      clearInterval(timer);
      // Where somebody took it over it is theirs.
      if (textOf(path) === mine) rmSync(path, {force: true});
    },
  };
}

function held(path: string): Lock {
  return {status: 'held', holder: holderIn(textOf(path))};
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function holderIn(text: string | null): ProcessIdentity | null {
  try {
    return JSON.parse(text ?? 'null') as ProcessIdentity | null;
  } catch {
    // Its writer is about to write it, or died while it did.
    return null;
  }
}

function isHeld(path: string, staleMs: number): boolean {
  const at = statSync(path, {throwIfNoEntry: false})?.mtimeMs;
  if (at === undefined) return false;
  // One that cannot be read goes by its age.
  const holder = holderIn(textOf(path));
  const fate = holder === null ? 'elsewhere' : fateOf(holder);
  if (fate === 'lives' || fate === 'gone') return fate === 'lives';
  return Date.now() - at <= staleMs;
}

/** Creates the file where there is none; false where there is one. */
function create(path: string, text: string): boolean {
  try {
    // A link appears whole or not at all.
    withTemporary(path, text, temporary => linkSync(temporary, path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    if ((error as NodeJS.ErrnoException).syscall !== 'link') throw error;
  }
  // A file system without hard links.
  try {
    writeFileSync(path, text, {flag: 'wx'});
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    // On a full disk the file is there and empty: nobody would know that its holder is gone.
    rmSync(path, {force: true});
    throw error;
  }
}

function replace(path: string, text: string): void {
  withTemporary(path, text, temporary => renameSync(temporary, path));
}

function withTemporary(path: string, text: string, use: (temporary: string) => void): void {
  const temporary = temporaryBeside(path);
  try {
    writeFileSync(temporary, text, {flag: 'wx'});
    use(temporary);
  } finally {
    rmSync(temporary, {force: true});
  }
}
