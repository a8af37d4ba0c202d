import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';

/** One row of the log: the values beside the step and epoch they belong to. */
export type LogEntry = {step: number; epoch: number | null} & Record<string, number | null>;

const FILE = 'trainer_state.json';

/**
 * Writes `trainer_state.json` as Hugging Face's Trainer does, so that the watcher and Python tools read steps, losses
 * and the best checkpoint from our checkpoints too.
 */
export async function writeTrainerState(
  folder: string,
  {
    step,
    epoch,
    log,
    best,
  }: {
    step: number;
    epoch: number | null;
    log: readonly LogEntry[];
    best: {value: number; path: string} | null;
  },
): Promise<void> {
  const state = {
    best_metric: best?.value ?? null,
    best_model_checkpoint: best?.path ?? null,
    epoch,
    global_step: step,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: log,
  };
  await writeFile(join(folder, FILE), `${JSON.stringify(state, null, 2)}\n`);
}

/** The log of a checkpoint; empty where it has none. */
export async function readLog(folder: string): Promise<LogEntry[]> {
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => '{}');
  return (JSON.parse(text) as {log_history?: LogEntry[]}).log_history ?? [];
}
