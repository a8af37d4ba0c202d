import {join} from 'node:path';

/** The folder that run folders stand in: `invariance/` here, or under WANDB_DIR. */
export function runsFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env.WANDB_DIR || '.', 'invariance');
}
