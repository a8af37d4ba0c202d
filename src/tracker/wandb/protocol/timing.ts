/** How often, how long and how patiently W&B is spoken to. All in milliseconds. */
export interface Timing {
  /** Between two looks at the journal. */
  pollMs: number;
  /** Between two posts of rows, as long as the run goes on. */
  postMs: number;
  /** Without anything to post, W&B is told this often that the run lives. */
  heartbeatMs: number;
  /** One request, then it counts as lost. */
  requestMs: number;
  /** First wait after a failure; doubles, with jitter, up to `retryMaxMs`. */
  retryFirstMs: number;
  retryMaxMs: number;
  /** After this long without success the upload is left to `wandb-invariance sync`. */
  retryForMs: number;
  /** What goes beside the rows is tried for this long in one go; then it rests for `retryMaxMs`, and stays owed. */
  storageForMs: number;
  /** Waiting this long for another process to let go of the run, the uploading process says for whom. */
  lockNoticeMs: number;
  /** `finish` waits this long for the upload, which then goes on in the background. */
  finishMs: number;
}

/** A day of patience, posts every five seconds. */
export const defaultTiming: Timing = {
  pollMs: 500,
  postMs: 5_000,
  heartbeatMs: 30_000,
  requestMs: 60_000,
  retryFirstMs: 1_000,
  retryMaxMs: 60_000,
  retryForMs: 24 * 60 * 60 * 1000,
  storageForMs: 120_000,
  lockNoticeMs: 30_000,
  finishMs: 60_000,
};
