import {readdir, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {messageOf} from '../../errors.js';
import {jsonInside, openOwnWeights} from './open-own-weights.js';
import {isPickled} from './pickled.js';

/** What is on disk of a checkpoint's weights. `stamp` changes whenever one of its files does. */
export type WeightsState =
  | {readonly status: 'none'}
  | {readonly status: 'unchanged'}
  | ({readonly status: 'partial'; readonly reason: string} & Stamped)
  | ({readonly status: 'whole'} & Stamped);

interface Stamped {
  readonly stamp: string;
  readonly mtime: number;
  /** Files of the folder; empty for a lone file. */
  readonly names: readonly string[];
}

/** Whether the weights of a checkpoint (a folder or a lone file) are all there; `known` is the stamp of last time. */
export async function weightsState(path: string, known: string | undefined): Promise<WeightsState> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOTDIR' ? [] : null,
  );
  if (names === null) return {status: 'none'};
  const files = names.length === 0 ? [path] : partsOf(names).map(name => join(path, name));
  const stamps = await Promise.all(files.map(stampOf));
  const stamp = stamps.map(each => each?.stamp ?? 'gone').join();
  if (stamps.length === 0 || stamps.includes(undefined)) return {status: 'none'};
  if (stamp === known) return {status: 'unchanged'};
  const mtime = Math.max(...stamps.map(each => each!.mtime));
  try {
    await check(path);
    return {status: 'whole', stamp, mtime, names};
  } catch (error) {
    return {status: 'partial', reason: messageOf(error), stamp, mtime, names};
  }
}

/** The files that make a checkpoint: its weights and what describes them. */
function partsOf(names: readonly string[]): string[] {
  const weights = names.filter(name => /\.safetensors(\.index\.json)?$/.test(name) || isPickled(name));
  const others = ['config.json', 'adapter_config.json', 'trainer_state.json'].filter(name =>
    names.includes(name),
  );
  return weights.length === 0 ? [] : [...weights, ...others];
}

async function stampOf(path: string): Promise<{stamp: string; mtime: number} | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile()) return undefined;
  return {stamp: `${found.ino}:${found.size}:${found.mtimeMs}`, mtime: Math.round(found.mtimeMs)};
}

/** Throws what is missing or half-written. */
async function check(path: string): Promise<void> {
  const {tensors} = await openOwnWeights(path);
  await tensors.close();
  await jsonInside(path, 'config.json');
}
