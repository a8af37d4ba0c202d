import {mkdir, readdir, readFile, rm, stat, utimes} from 'node:fs/promises';
import {join} from 'node:path';
import {openSafetensors, writeSafetensors} from '../models/index.js';
import {replaceFile, takeLock} from '../disk/index.js';
import {messageOf} from '../errors.js';
import type {Gate, Images} from '../types.js';
import type {Inverted} from './descent.js';
import {hashBytes, hashText} from './keys.js';

/**
 * A lock of a process elsewhere counts as abandoned after so long, in milliseconds: an engine at work holds up the event
 * loop that says it lives. A lock guards time, not truth: what is written is the same whoever writes it.
 */
const LOCK_STALE_MS = 600_000;

/** One finished layer: its images, and how good they are. */
export interface CacheEntry extends Inverted {
  readonly gate: Gate;
}

/** Half-written files this old have no writer any more, and entries not read for so long have no run under way. */
const ABANDONED_MS = 86_400_000;

/**
 * The entries may take this much of the disk, 20 GiB: those of 20 ViT-S/16 at 64 probes of 224 px. Beyond it the least
 * recently used go when the cache is opened, but none that was used within a day.
 */
export const CACHE_BYTES = 20 * 2 ** 30;

/**
 * Inversions on disk, one file an entry under the hash of everything it depends on. What is read is verified; what is
 * damaged counts as absent and is written again. A folder that cannot be written (no permission, full disk) turns the
 * rest of this process's entries into memory, with one notice: a measurement is never lost for want of its cache.
 */
export interface InversionCache {
  /** What is written now is seen by other processes. */
  readonly shared: boolean;
  /** The entry, or null where there is none that holds what was written. */
  read(key: string): Promise<CacheEntry | null>;
  write(key: string, entry: CacheEntry): Promise<void>;
  /** A small JSON value beside the entries, under the same rules. */
  readValue(key: string): Promise<unknown>;
  writeValue(key: string, value: unknown): Promise<void>;
  /** The right to make an entry: what gives it back, or null while another process has it. */
  lock(key: string): (() => void) | null;
}

/**
 * @param options.folder made where it is missing; `null` keeps everything in memory.
 * @param options.bytes default `CACHE_BYTES`.
 * @param options.onNotice told once each: a damaged entry, a folder that cannot be written.
 */
export async function openInversionCache({
  folder,
  bytes = CACHE_BYTES,
  onNotice = () => {},
}: {
  folder: string | null;
  bytes?: number;
  onNotice?: (code: 'cache_damaged' | 'cache_unwritable', message: string) => void;
}): Promise<InversionCache> {
  const entries = new Map<string, CacheEntry>();
  const values = new Map<string, unknown>();
  const reported = new Set<string>();
  /** Entries whose content this process has compared with its hash. */
  const verified = new Set<string>();
  let writable = folder !== null;

  function giveUp(error: unknown): void {
    if (!writable) return;
    writable = false;
    onNotice(
      'cache_unwritable',
      `the inversions of this run are kept in memory only, and the next run makes them again: ${messageOf(error)}; ` +
        'name a folder that can be written with XDG_CACHE_HOME',
    );
  }

  function damaged(path: string, why: string): null {
    if (!reported.has(path)) onNotice('cache_damaged', `${path} is damaged and is made again: ${why}`);
    reported.add(path);
    return null;
  }

  const pathOf = (name: string) => join(folder ?? '', name);
  if (folder !== null) await mkdir(folder, {recursive: true}).then(() => sweep(folder, bytes), giveUp);

  return {
    get shared() {
      return writable;
    },

    async read(key) {
      const kept = entries.get(key);
      if (kept || folder === null) return kept ?? null;
      const path = pathOf(`${key}.safetensors`);
      try {
        const entry = await readEntry(path, {verify: !verified.has(key)});
        verified.add(key);
        const now = new Date();
        await utimes(path, now, now).catch(() => {});
        return entry;
      } catch (error) {
        return isAbsent(error) ? null : damaged(path, messageOf(error));
      }
    },

    async write(key, entry) {
      if (writable) await writeEntry(pathOf(`${key}.safetensors`), entry).catch(giveUp);
      if (!writable) entries.set(key, entry);
    },

    async readValue(key) {
      if (values.has(key) || folder === null) return values.get(key) ?? null;
      const path = pathOf(`${key}.json`);
      try {
        const {sha256, json} = JSON.parse(await readFile(path, 'utf8')) as {sha256: string; json: string};
        if (hashText(json) !== sha256) return damaged(path, 'its content has another hash');
        return JSON.parse(json) as unknown;
      } catch (error) {
        return isAbsent(error) ? null : damaged(path, messageOf(error));
      }
    },

    async writeValue(key, value) {
      const json = JSON.stringify(value);
      const text = JSON.stringify({sha256: hashText(json), json});
      if (writable) await replaceFile(pathOf(`${key}.json`), text).catch(giveUp);
      if (!writable) values.set(key, value);
    },

    lock(key) {
      if (!writable) return () => {};
      try {
        const lock = takeLock(pathOf(`${key}.lock`), {staleMs: LOCK_STALE_MS});
        return lock.status === 'taken' ? lock.release : null;
      } catch (error) {
        giveUp(error);
        return () => {};
      }
    },
  };
}

/** Removes what processes left that were killed while they wrote, and the least recently used entries beyond `bytes`. */
async function sweep(folder: string, bytes: number): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names.map(async name => {
      const path = join(folder, name);
      const {mtimeMs = Date.now(), size = 0} = (await stat(path).catch(() => null)) ?? {};
      return {path, size, isAbandoned: Date.now() - mtimeMs > ABANDONED_MS, mtimeMs};
    }),
  );
  let total = found.reduce((sum, {size}) => sum + size, 0);
  for (const {path, size} of found.filter(one => one.isAbandoned).sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= bytes && !path.endsWith('.tmp')) continue;
    await rm(path, {force: true}).catch(() => {});
    total -= size;
  }
}

interface Header {
  evaluations: number;
  gate: Gate;
}

async function writeEntry(path: string, {images, halfway, evaluations, gate}: CacheEntry): Promise<void> {
  const header = JSON.stringify({evaluations, gate} satisfies Header);
  const shape = [images.count, images.channels, images.height, images.width];
  await writeSafetensors(
    path,
    new Map([
      ['inverted', {shape, data: images.data}],
      ['halfway', {shape, data: halfway.data}],
    ]),
    {header, sha256: contentHash(header, images.data, halfway.data)},
  );
}

async function readEntry(path: string, {verify}: {verify: boolean}): Promise<CacheEntry> {
  const file = await openSafetensors(path);
  try {
    const inverted = await file.read('inverted');
    const halfway = await file.read('halfway');
    const {header = '', sha256} = file.metadata;
    if (verify && contentHash(header, inverted.data, halfway.data) !== sha256)
      throw new Error('its content has another hash');
    const {evaluations, gate} = JSON.parse(header) as Header;
    const [count, channels, height, width] = inverted.shape as [number, number, number, number];
    const images = (data: Float32Array): Images => ({count, channels, height, width, data});
    return {
      images: images(inverted.data as Float32Array),
      halfway: images(halfway.data as Float32Array),
      evaluations,
      gate,
    };
  } finally {
    await file.close();
  }
}

function contentHash(header: string, ...data: ArrayBufferView[]): string {
  return hashText([header, ...data.map(hashBytes)].join('\n'));
}

/** There is no such file, or none that this process may read. */
function isAbsent(error: unknown): boolean {
  const code = (error: unknown) => (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  const absent = ['ENOENT', 'ENOTDIR', 'EACCES'];
  return absent.includes(code(error)) || absent.includes(code((error as Error).cause));
}
