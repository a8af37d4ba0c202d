import type {LogEntry} from '../models/index.js';

/**
 * `trainer_state.json` in the shape of Hugging Face's Trainer, so that the watcher and Python tools read steps, losses
 * and the best checkpoint from our checkpoints too.
 */
export function trainerStateJson({
  step,
  epoch,
  log,
  best,
}: {
  step: number;
  epoch: number | null;
  log: readonly LogEntry[];
  best: {value: number; path: string} | null;
}): string {
  const state = {
    best_metric: best?.value ?? null,
    best_model_checkpoint: best?.path ?? null,
    epoch,
    global_step: step,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: log.map(({values, ...at}) => ({...at, ...values})),
  };
  return JSON.stringify(state, null, 2);
}
