import {createApi, type Api} from './api.js';
import {createBackoff, type Backoff} from './backoff.js';
import {Session} from './session.js';
import type {Timing} from './timing.js';

/** A way to one W&B server, and how patiently it is used. */
export interface Connection {
  readonly api: Api;
  readonly timing: Timing;
  /** As patient as rows are. */
  readonly session: Session;
  /** Patient for `forMs` milliseconds; by default for as long as rows are. */
  newSession(forMs?: number): Session;
  newBackoff(forMs?: number): Backoff;
  sleep: (ms: number) => Promise<void>;
  /** Milliseconds, by a clock that nobody sets. */
  now: () => number;
}

export interface ConnectionOptions {
  baseUrl: string;
  apiKey: string;
  timing: Timing;
  sleep: (ms: number) => Promise<void>;
  /** Told of each failure of `session` that is tried again. */
  onRetry?: (reason: string) => void;
  fetch?: typeof globalThis.fetch;
}

export function connect({baseUrl, apiKey, timing, sleep, onRetry, fetch}: ConnectionOptions): Connection {
  const api = createApi({baseUrl, apiKey, fetch, timeoutMs: timing.requestMs});
  const now = () => performance.now();
  const newBackoff = (forMs = timing.retryForMs) =>
    createBackoff({timing: {...timing, retryForMs: forMs}, sleep, now});
  const newSession = (forMs?: number) => new Session({api, backoff: () => newBackoff(forMs)});
  const session = new Session({api, backoff: () => newBackoff(), onRetry});
  return {api, timing, session, newSession, newBackoff, sleep, now};
}
