import {linkSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {hostname} from 'node:os';
import {join} from 'node:path';

/** Name of the file in a run folder that says who uploads it. */
const lockFile = 'wandb.lock';

function isDead(text: string): boolean {
  try {
    const {pid, host} = JSON.parse(text) as {pid: number; host: string};
    if (host !== hostname()) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // ESRCH: gone. No JSON: its writer died while it wrote.
    return (error as NodeJS.ErrnoException).code === 'ESRCH' || error instanceof SyntaxError;
  }
}

/**
 * One uploader a run. Returns how to let go, or null while another living process of this machine holds the run;
 * the lock of a process that died is taken over.
 */
export function lockRun(folder: string): (() => void) | null {
  const path = join(folder, lockFile);
  const mine = JSON.stringify({pid: process.pid, host: hostname(), at: `${Date.now()}-${Math.random()}`});
  const take = (): boolean => {
    const part = `${path}.${process.pid}`;
    writeFileSync(part, mine);
    try {
      // A link appears whole or not at all, and only where there is none.
      linkSync(part, path);
      return true;
    } catch {
      return false;
    } finally {
      rmSync(part, {force: true});
    }
  };
  const release = (): void => {
    try {
      if (readFileSync(path, 'utf8') === mine) rmSync(path, {force: true});
    } catch {
      // Somebody took it over: it is theirs.
    }
  };
  if (take()) return release;
  let held: string;
  try {
    held = readFileSync(path, 'utf8');
  } catch {
    return take() ? release : null;
  }
  if (!isDead(held)) return null;
  const stale = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, stale);
    const moved = readFileSync(stale, 'utf8');
    // Another process was quicker and this is its fresh lock: it goes back.
    if (moved !== held) linkSync(stale, path);
  } catch {
    // Gone already.
  } finally {
    rmSync(stale, {force: true});
  }
  return take() ? release : null;
}
