import {readdir, stat} from 'node:fs/promises';
import {basename, join} from 'node:path';
import {messageOf} from '../../errors.js';
import {namedAdapters} from '../adapters/named-adapters.js';
import {jsonInside, openOwnWeights} from './open-own-weights.js';
import {isPickled} from './pickled.js';
import {TRAINER_STATE} from './trainer-state.js';

/** What is on disk of a checkpoint's weights. `stamp` changes whenever one of its files does. */
export type WeightsState =
  | {readonly status: 'none'}
  | {readonly status: 'unchanged'}
  | ({readonly status: 'partial'; readonly reason: string; readonly pickled: boolean} & Stamped)
  | ({readonly status: 'whole'} & Stamped);

interface Stamped {
  readonly stamp: string;
  /** Of the weights, and of the newest of all files that count; Unix milliseconds. */
  readonly mtime: number;
  readonly newest: number;
  /** Files of the folder; empty for a lone file. */
  readonly names: readonly string[];
}

/** Files that say more of a checkpoint than its weights do; some arrive after them. */
const DESCRIPTIONS = ['config.json', 'adapter_config.json', TRAINER_STATE];

/** Whether the weights of a checkpoint (a folder or a lone file) are all there; `known` is the stamp of last time. */
export async function weightsState(path: string, known: string | undefined): Promise<WeightsState> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOTDIR' ? new Array<string>() : null,
  );
  if (names === null) return {status: 'none'};
  const adapters = names.some(isWeights) ? [] : await namedAdapters(path);
  const inAdapters = await Promise.all(
    adapters.map(async adapter =>
      (await readdir(join(path, adapter)).catch(() => [])).map(name => join(adapter, name)),
    ),
  );
  const all = [...names, ...inAdapters.flat()];
  const weights =
    names.length === 0 ? [path] : all.filter(name => isWeights(basename(name))).map(name => join(path, name));
  const others = all.filter(name => DESCRIPTIONS.includes(basename(name))).map(name => join(path, name));
  const stamps = await Promise.all([...weights, ...others].map(stampOf));
  if (weights.length === 0 || stamps.includes(undefined)) return {status: 'none'};
  const stamp = stamps.map(each => each!.stamp).join();
  if (stamp === known) return {status: 'unchanged'};
  const times = stamps.map(each => each!.mtime);
  const mtime = Math.max(...times.slice(0, weights.length));
  const stamped = {stamp, mtime, newest: Math.max(...times), names};
  try {
    for (const adapter of adapters.length > 0 ? adapters : [undefined]) await check(path, adapter);
    return {status: 'whole', ...stamped};
  } catch (error) {
    return {status: 'partial', reason: messageOf(error), pickled: weights.every(isPickled), ...stamped};
  }
}

function isWeights(name: string): boolean {
  return (/\.safetensors(\.index\.json)?$/.test(name) && !name.startsWith('optimizer')) || isPickled(name);
}

async function stampOf(path: string): Promise<{stamp: string; mtime: number} | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile()) return undefined;
  return {stamp: `${found.ino}:${found.size}:${found.mtimeMs}`, mtime: Math.round(found.mtimeMs)};
}

/** Throws what is missing or half-written. */
async function check(path: string, adapter: string | undefined): Promise<void> {
  const {tensors} = await openOwnWeights(path, adapter);
  await tensors.close();
  await jsonInside(path, 'config.json');
}
