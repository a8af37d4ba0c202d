import {messageOf} from '../../../errors.js';
import type {Backoff} from '../protocol/backoff.js';
import type {Connection} from '../protocol/connection.js';
import type {Session} from '../protocol/session.js';

/** What one item is sent with; patience is shared by a round, so that ten items do not wait ten times for one server. */
export interface Attempt {
  session: Session;
  backoff: Backoff;
}

export interface LaneOptions {
  connection: Connection;
  /** Keys of what waits, oldest first. */
  waiting: () => readonly string[];
  /** Sends one, after which it does not wait any more; throws where it cannot be sent. */
  deliver: (key: string, attempt: Attempt) => Promise<void>;
  /** The line that says that one was not sent. */
  failed: (key: string, reason: string) => string;
  onNotice: (message: string) => void;
}

/**
 * Sends what is owed of one kind beside the rows, one after the other. A round tries each item once, with patience
 * (`storageForMs`); what fails is said once, rests, and is tried again in a later round.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #said = new Set<string>();
  #round: Promise<void> | null = null;
  #restUntil = 0;
  #isStopped = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Begins a round where something waits and none is under way. */
  poke(): void {
    const {connection, waiting} = this.#options;
    if (this.#isStopped || this.#round !== null || connection.now() < this.#restUntil) return;
    if (waiting().length > 0) void this.#begin();
  }

  /** Tries all that waits once more. */
  async finish(): Promise<void> {
    await this.#round;
    if (this.#options.waiting().length > 0) await this.#begin();
  }

  /** Begins nothing any more, and says nothing; resolves when what was under way is over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#round;
  }

  #begin(): Promise<void> {
    this.#round ??= this.#tryEach().finally(() => (this.#round = null));
    return this.#round;
  }

  async #tryEach(): Promise<void> {
    const {connection, waiting, deliver, failed, onNotice} = this.#options;
    const {storageForMs, retryMaxMs} = connection.timing;
    const attempt = {
      session: connection.newSession(storageForMs),
      backoff: connection.newBackoff(storageForMs),
    };
    const tried = new Set<string>();
    const next = () => waiting().find(key => !tried.has(key));
    for (let key = next(); key !== undefined && !this.#isStopped; key = next()) {
      tried.add(key);
      try {
        await deliver(key, attempt);
        this.#said.delete(key);
      } catch (error) {
        this.#restUntil = connection.now() + retryMaxMs;
        if (!this.#isStopped && !this.#said.has(key)) onNotice(failed(key, messageOf(error)));
        this.#said.add(key);
      }
    }
  }
}
