import {existsSync} from 'node:fs';
import {findCheckpoints, type Checkpoint, type CheckpointMemory} from '../../engine/index.js';

/** A checkpoint with a place on the time axis. */
export type Stepped = Checkpoint & {step: number};

/** What one look into the folder brought. */
export interface Scan {
  /** Complete, and not seen before in this state; ascending. */
  fresh: Stepped[];
  /** Still being written. */
  unfinished: Checkpoint[];
  newest: Stepped | undefined;
}

/**
 * Looks into a folder again and again; a checkpoint is fresh once, and again after it was replaced. The model that a
 * training leaves at the top of its folder is passed over where there are checkpoints: it repeats one of them.
 */
export function createScanner(folder: string): () => Promise<Scan> {
  const seen = new Map<string, number>();
  const memory: CheckpointMemory = new Map();
  return async () => {
    const found = existsSync(folder) ? await findCheckpoints(folder, {memory}) : [];
    const complete = withSteps(found.filter(checkpoint => checkpoint.complete));
    const fresh = complete.filter(({path, mtime}) => seen.get(path) !== mtime);
    for (const {path, mtime} of fresh) seen.set(path, mtime);
    return {fresh, unfinished: found.filter(checkpoint => !checkpoint.complete), newest: complete.at(-1)};
  };
}

/** Checkpoints that tell no step follow the others in the order they were written. */
function withSteps(complete: readonly Checkpoint[]): Stepped[] {
  const stepped = complete.filter((checkpoint): checkpoint is Stepped => checkpoint.step !== null);
  const last = stepped.at(-1)?.step ?? 0;
  const others = complete.filter(
    ({step, format}) => step === null && (stepped.length === 0 || format !== 'final'),
  );
  return [...stepped, ...others.map((checkpoint, i) => ({...checkpoint, step: last + 1 + i}))];
}
