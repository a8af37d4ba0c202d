import {CommanderError} from 'commander';
import {InvarianceError, messageOf} from '../errors.js';

/** 0 ok, 1 failed, 2 wrong use. */
export function exitCodeOf(error: unknown): 0 | 1 | 2 {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof InvarianceError && error.code === 'bad_option' ? 2 : 1;
}

/** One line on standard error; with DEBUG set, all there is. */
export function tell(error: unknown): void {
  process.stderr.write(`wandb-invariance: ${messageOf(error)}\n`);
  if (process.env.DEBUG) console.error(error);
}
