/** Stable names for what went wrong, to branch on; the message is for people and may change. */
export type ErrorCode =
  | 'bad_option' // wrong use: an option or an argument
  | 'bad_probes' // empty, too few, mixed sizes, unreadable
  | 'bad_weights' // missing, truncated, lying or not finite
  | 'bad_model' // unknown architecture, no layer matched, shapes differ
  | 'bad_record' // a journal or a run folder that cannot be read
  | 'engine_failed'
  | 'io_failed' // unwritable folder, full disk
  | 'tracker_failed' // a server or its client
  | 'fingerprint_mismatch';

/**
 * The one error class of this package. The message names the value that was refused and the remedy;
 * `cause` keeps what lay beneath.
 *
 * @example
 * import {InvarianceError, readRun} from 'wandb-invariance';
 *
 * try {
 *   await readRun('invariance/no-such-run');
 * } catch (error) {
 *   if (!(error instanceof InvarianceError) || error.code !== 'bad_record') throw error;
 *   console.error(error.message);
 * }
 */
export class InvarianceError extends Error {
  /** 'InvarianceError'. */
  override readonly name = 'InvarianceError';

  constructor(
    /** What went wrong, to branch on. */
    readonly code: ErrorCode,
    message: string,
    options: {cause?: unknown} = {},
  ) {
    super(message, options);
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
