import {homedir} from 'node:os';
import {join} from 'node:path';

/** Where inversions are kept unless told otherwise: shared by all runs of this user. */
export function defaultCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wandb-invariance');
}
