import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {copyFile, mkdir, open, rename, rm, stat, symlink} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {messageOf} from '../../errors.js';

export interface RemoteFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of a large file, git's SHA-1 of a small one. */
  readonly hash: string;
}

export interface DownloadBlobOptions {
  readonly file: RemoteFile;
  /** The cache's folder of the model. */
  readonly folder: string;
  readonly open: () => Promise<Blob | null>;
  /** Bytes of this file that are here. */
  readonly onBytes: (bytes: number) => void;
}

/** Tries of one file in one call, each going on where the last stopped, and the pause before a retry, in ms. */
const ATTEMPTS = 3;
const PAUSE_MS = 500;

/** Fetches one file into `blobs`, under its hash, as `huggingface_hub` does; what arrives is kept over failures. */
export async function downloadBlob(options: DownloadBlobOptions): Promise<void> {
  const {file, folder, onBytes} = options;
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(file.hash))
    throw new Error(`the hub gives no hash of ${file.path}`);
  const blob = join(folder, 'blobs', file.hash);
  if ((await sizeOf(blob)) !== undefined) return onBytes(file.size);
  await mkdir(dirname(blob), {recursive: true});
  for (let attempt = 1; ; attempt++) {
    try {
      await append(options, `${blob}.incomplete`);
      await checkHash(file, `${blob}.incomplete`);
      return await rename(`${blob}.incomplete`, blob);
    } catch (error) {
      const final = 'statusCode' in Object(error) || 'syscall' in Object(error);
      if (final || attempt === ATTEMPTS) throw error instanceof Error ? error : new Error(messageOf(error));
      await sleep(PAUSE_MS * attempt);
    }
  }
}

async function append({file, open: request, onBytes}: DownloadBlobOptions, path: string): Promise<void> {
  let here = (await sizeOf(path)) ?? 0;
  if (here >= file.size) return;
  const remote = await request();
  if (remote === null) throw new Error(`the hub lists ${file.path} but does not give it`);
  const target = await open(path, 'a');
  try {
    onBytes(here);
    for await (const chunk of remote.slice(here).stream() as unknown as AsyncIterable<Uint8Array>) {
      await target.writeFile(chunk);
      onBytes((here += chunk.byteLength));
    }
    await target.sync();
  } finally {
    await target.close();
  }
}

async function checkHash({path, size, hash}: RemoteFile, downloaded: string): Promise<void> {
  const here = (await sizeOf(downloaded)) ?? 0;
  if (here < size) throw new Error(`${path} stopped after ${here} of ${size} bytes`);
  const large = hash.length === 64;
  const sum = createHash(large ? 'sha256' : 'sha1');
  if (!large) sum.update(`blob ${here}\0`);
  for await (const chunk of createReadStream(downloaded)) sum.update(chunk as Buffer);
  if (here === size && sum.digest('hex') === hash) return;
  await rm(downloaded);
  throw new Error(`${path} arrived damaged`);
}

/** Gives the blobs their names: links, or copies where links may not be made (Windows). */
export async function linkSnapshot(snapshot: string, files: readonly RemoteFile[]): Promise<void> {
  await mkdir(snapshot, {recursive: true});
  for (const {path, hash} of files) {
    const target = join(snapshot, path);
    await rm(target, {force: true});
    await symlink(join('..', '..', 'blobs', hash), target).catch(() =>
      copyFile(join(snapshot, '..', '..', 'blobs', hash), target),
    );
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({size}) => size,
    () => undefined,
  );
}
