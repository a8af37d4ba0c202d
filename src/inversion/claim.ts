import {randomUUID} from 'node:crypto';
import {readFile, rename, rm, stat, utimes, writeFile} from 'node:fs/promises';
import {hostname} from 'node:os';
import {isAlive} from '../disk/index.js';

/** A claim is renewed this often, and counts as abandoned when it was not renewed for `ABANDONED_MS`. */
const RENEWAL_MS = 10_000;
const ABANDONED_MS = 600_000;

interface Holder {
  token: string;
  pid: number;
  host: string;
}

/**
 * Takes the lock file at `path`, so that two processes do not do the same work. It guards time, not truth: what is
 * written under it is put in place atomically and is the same whoever writes it.
 *
 * @returns what releases it; null while another living process holds it.
 */
export async function claimFile(path: string): Promise<(() => Promise<void>) | null> {
  const mine: Holder = {token: randomUUID(), pid: process.pid, host: hostname()};
  if (!(await create(path, mine))) {
    if (!(await abandoned(path))) return null;
    await takeAway(path);
    if (!(await create(path, mine))) return null;
  }
  const renewal = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, RENEWAL_MS);
  renewal.unref();
  return async () => {
    clearInterval(renewal);
    const holder = await holderOf(path);
    if (holder?.token === mine.token) await rm(path, {force: true});
  };
}

async function create(path: string, holder: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(holder), {flag: 'wx'});
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    // On a full disk the file is there and empty: nobody would ever find its holder dead.
    await rm(path, {force: true});
    throw error;
  }
}

/** Its process is gone, or it was not renewed for long. */
async function abandoned(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (found === null) return true;
  if (Date.now() - found.mtimeMs > ABANDONED_MS) return true;
  const holder = await holderOf(path);
  return holder !== null && holder.host === hostname() && !isAlive(holder.pid);
}

/** Renamed, not removed: of two processes that find it abandoned, one moves it and the other finds nothing. */
async function takeAway(path: string): Promise<void> {
  const away = `${path}.${randomUUID().slice(0, 8)}`;
  await rename(path, away).then(
    () => rm(away, {force: true}),
    () => {},
  );
}

async function holderOf(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return null;
  }
}
