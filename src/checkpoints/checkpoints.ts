import {readdir} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {putAll, writeFolder, type FolderContents, type LogEntry} from '../models/index.js';
import {InTurn, removeFolder, replaceFile} from '../disk/index.js';
import {bestOf, retain, type Kept, type Mode} from './retain.js';
import {trainerStateJson} from './trainer-state-json.js';
import {readTrainingState, TRAINING_STATE_FILE, type TrainingState} from './training-state.js';

/** A value that may decide which checkpoint is best, as it came in. */
interface MonitoredValue {
  step: number;
  value: number;
}

/** The checkpoints of one run in one folder. */
export interface Checkpoints {
  /** Writes `checkpoint-<step>`, whole or not at all, then removes what `keep` does not keep. */
  save(options: {
    state: TrainingState;
    log: readonly LogEntry[];
    /** Writes the model's files into a folder. */
    model: (folder: string) => Promise<void>;
    /** Further files. */
    files: FolderContents;
  }): Promise<{path: string}>;
  /** Puts another training state into the checkpoint of its step. */
  restate(state: TrainingState): Promise<void>;
  /** Takes a value of what `monitor` names, logged or measured at that step. */
  addValue(step: number, value: number): Promise<void>;
  /** Whether any value of what `monitor` names has come. */
  hasValue(): boolean;
  /** The best checkpoint so far, by what `monitor` names. */
  best(): {step: number; value: number; path: string} | null;
  /** Steps of the checkpoints on disk that belong to this run, ascending. */
  steps(): number[];
}

const NAME = /^checkpoint-(\d+)$/;

/** Folder name of the checkpoint at a step, as Hugging Face's Trainer names it. */
function checkpointName(step: number): string {
  return `checkpoint-${step}`;
}

/**
 * @param run id of the run: checkpoints that another run has put in this one's place are left alone
 * @param present checkpoints of this run that are already there, when it is resumed
 * @param waiting for a `monitor` of readings, the steps of those that are still to be measured; default none. A value holds
 *   for the checkpoint of its own step alone.
 */
export function createCheckpoints({
  dir,
  run,
  keep,
  mode,
  present,
  values: known,
  waiting = () => [],
}: {
  dir: string;
  run: string;
  keep: number;
  mode: Mode;
  present: readonly number[];
  values: readonly MonitoredValue[];
  waiting?: (() => readonly number[]) | undefined;
}): Checkpoints {
  const values = [...known];
  const steps = new Set(present);
  const pathOf = (step: number): string => join(resolve(dir), checkpointName(step));

  const valueAt = (step: number): Kept['value'] => {
    if (waiting().includes(step)) return 'pending';
    return values.findLast(one => one.step === step)?.value ?? null;
  };
  const kept = (): Kept[] => [...steps].map(step => ({step, value: valueAt(step)}));
  const best = (): {step: number; value: number; path: string} | null => {
    const found = bestOf(kept(), mode);
    return found && {...found, path: pathOf(found.step)};
  };

  async function prune(): Promise<void> {
    for (const step of retain(kept(), {keep, mode}).remove) {
      if (await isOurs(pathOf(step), run)) await removeFolder(pathOf(step));
      steps.delete(step);
    }
  }

  const queue = new InTurn();

  return {
    save: ({state, log, model, files}) =>
      queue.do(async () => {
        const {step, epoch} = state;
        const path = pathOf(step);
        await writeFolder(path, async hidden => {
          await model(hidden);
          await putAll(hidden, {
            ...files,
            'trainer_state.json': trainerStateJson({step, epoch, log, best: best()}),
            [TRAINING_STATE_FILE]: textOf(state),
          });
        });
        steps.add(step);
        await prune();
        return {path};
      }),
    restate: state =>
      queue.do(() => replaceFile(join(pathOf(state.step), TRAINING_STATE_FILE), textOf(state))),
    addValue(step, value) {
      values.push({step, value});
      return queue.do(prune);
    },
    hasValue: () => values.length > 0,
    best,
    steps: () => [...steps].sort((a, b) => a - b),
  };
}

/** The checkpoint folders in `dir`, ascending by step; none where `dir` is not there. */
export async function listCheckpoints(dir: string): Promise<{step: number; path: string}[]> {
  const names = await readdir(dir).catch(() => [] as string[]);
  return names
    .flatMap(name => {
      const step = NAME.exec(name)?.[1];
      return step === undefined ? [] : [{step: Number(step), path: join(resolve(dir), name)}];
    })
    .sort((a, b) => a.step - b.step);
}

/** Steps of the checkpoints in `dir` that a run wrote, up to the one it is resumed from. */
export async function ownCheckpoints(
  dir: string,
  {run, upTo}: {run: string; upTo: number},
): Promise<number[]> {
  const steps: number[] = [];
  for (const {step, path} of await listCheckpoints(dir)) {
    if (step <= upTo && (await isOurs(path, run))) steps.push(step);
  }
  return steps;
}

async function isOurs(path: string, run: string): Promise<boolean> {
  const state = await readTrainingState(path).catch(() => null);
  return state?.run === run;
}

function textOf(state: TrainingState): string {
  return JSON.stringify(state, null, 2);
}
