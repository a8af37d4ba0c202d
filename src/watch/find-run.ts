import {randomUUID} from 'node:crypto';
import {readdir} from 'node:fs/promises';
import {basename, join, resolve} from 'node:path';
import {readRunInfo} from '../journal/index.js';
import type {RunInfo} from '../types.js';

/**
 * The run that belongs to a training folder: among those in `dir`, the newest one that watched this folder and was
 * measured alike, so that a watch that is started again goes on in its run; else a new id. Its random part keeps
 * trainings apart that have the same path on two machines, as the id is W&B's id as well.
 */
export async function findRun({
  folder,
  dir,
  fingerprint,
}: {
  folder: string;
  dir: string;
  fingerprint: string;
}): Promise<string> {
  const watched = resolve(folder);
  const names = await readdir(dir).catch(() => []);
  const infos = await Promise.all(names.map(name => readRunInfo(join(dir, name)).catch(() => null)));
  const own = infos
    .filter(
      (info): info is RunInfo => info?.config['watched'] === watched && info.fingerprint.id === fingerprint,
    )
    .sort((a, b) => b.created - a.created)[0];
  const slug = basename(watched)
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .slice(0, 40);
  return own?.id ?? `${slug || 'run'}-${randomUUID().slice(0, 8)}`;
}
