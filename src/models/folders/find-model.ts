import {readFile, stat} from 'node:fs/promises';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {openOwnWeights} from './open-own-weights.js';

export interface FindModelOptions {
  /** A folder, a `.safetensors` file, or the name of a model on the hub (`org/name`). */
  readonly model: string;
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** Default: `cacheFolder()`. */
  readonly cache?: string;
}

/** Models are looked up at this revision unless another is named. */
export const REVISION = 'main';

/** Where Hugging Face's libraries keep models: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const named = env['HF_HUB_CACHE'] ?? env['HUGGINGFACE_HUB_CACHE'];
  const home = env['HF_HOME'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'huggingface');
  return named ?? join(home, 'hub');
}

/** `name` or `org/name`, in the characters that the hub allows. */
export function isHubName(model: string): boolean {
  return /^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(model) && !/--|\.\./.test(model);
}

/** The cache's folder of one model. */
export function modelCache(model: string, cache: string): string {
  return join(cache, `models--${model.replace('/', '--')}`);
}

/**
 * Finds a model without the network: a path as it is, a hub name as its whole snapshot in the cache.
 * Undefined where there is none.
 */
export async function findModel(options: FindModelOptions): Promise<string | undefined> {
  const {model, revision = REVISION, cache = cacheFolder()} = options;
  if (await exists(model)) return model;
  if (!isHubName(model)) return undefined;
  const folder = modelCache(model, cache);
  const ref = await readFile(join(folder, 'refs', ...revision.split('/')), 'utf8').catch(() => revision);
  const snapshot = join(folder, 'snapshots', ref.trim());
  return (await isWhole(snapshot)) ? snapshot : undefined;
}

/** A download that stopped half-way is not whole. */
async function isWhole(snapshot: string): Promise<boolean> {
  try {
    const {kind, tensors} = await openOwnWeights(snapshot);
    await tensors.close();
    return kind === 'adapter' || (await exists(join(snapshot, 'config.json')));
  } catch {
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
