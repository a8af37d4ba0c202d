import type {Timing} from './timing.js';

/** Waits between attempts: doubling, with jitter, and at least what the server asked for. */
export interface Backoff {
  /** Something worked: the next failure starts small again. */
  success(): void;
  /** Something failed: waits before the next attempt. False, without a wait, where the time for trying is over. */
  failure(afterMs: number | null): Promise<boolean>;
}

export interface BackoffOptions {
  timing: Pick<Timing, 'retryFirstMs' | 'retryMaxMs' | 'retryForMs'>;
  sleep: (ms: number) => Promise<void>;
  now?: () => number;
  random?: () => number;
}

export function createBackoff({
  timing,
  sleep,
  now = Date.now,
  random = Math.random,
}: BackoffOptions): Backoff {
  let attempts = 0;
  let failingSince: number | null = null;
  return {
    success() {
      attempts = 0;
      failingSince = null;
    },
    async failure(afterMs) {
      failingSince ??= now();
      const step = Math.min(timing.retryMaxMs, timing.retryFirstMs * 2 ** Math.min(attempts++, 30));
      // Half of it is fixed and half is drawn: many runs that lost one server do not come back as one.
      const wait = Math.max(afterMs ?? 0, step / 2 + (random() * step) / 2);
      if (now() - failingSince + wait > timing.retryForMs) return false;
      await sleep(wait);
      return true;
    },
  };
}
