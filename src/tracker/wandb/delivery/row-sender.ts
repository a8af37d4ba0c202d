import {InvarianceError} from '../../../errors.js';
import {quotedBytes} from '../content/quoted-bytes.js';
import {summaryText} from '../content/summary.js';
import type {StreamPost} from '../protocol/api.js';
import type {Backoff} from '../protocol/backoff.js';
import type {Connection} from '../protocol/connection.js';
import type {Outcome} from '../protocol/request.js';
import {outOfReach, refusal} from '../protocol/refusals.js';
import type {MediaUploads} from './media-uploads.js';
import type {PendingRow, Target} from './target.js';

/** One request carries at most this many bytes of rows, or one row; W&B refuses 10 MiB. Also the bound on rows in memory. */
export const requestBytes = 2 * 1024 * 1024;
/** And at most this many rows. */
export const requestRows = 2_000;

/** A server that refuses requests as too large gets none above this many bytes in the end, but for single rows. */
const leastBytes = 64 * 1024;

/** Refusals that need not be the last word: of an offset, a conflict, a size. Whether the run is there decides. */
const passing = [400, 409, 413];

/** A row that is refused this often, alone and at its right place, will be refused for ever. */
const refusals = 5;

export interface RowSenderOptions {
  connection: Connection;
  target: Target;
  media: MediaUploads;
  onTrouble: (reason: string) => void;
  onRecovered: () => void;
}

/** Posts to the file stream of a run, each until the server took it or cannot be thought to. */
export class RowSender {
  readonly #options: RowSenderOptions;
  /** Told success only where a post was taken: that the server answers other questions is none. */
  readonly #backoff: Backoff;
  /** Bytes and rows of a request, fewer where the server refused more. */
  #bytes = requestBytes;
  #rows = requestRows;
  #lastPost = -Infinity;

  constructor(options: RowSenderOptions) {
    this.#options = options;
    this.#backoff = options.connection.newBackoff();
  }

  /** Milliseconds since something was posted last. */
  get idleMs(): number {
    return this.#options.connection.now() - this.#lastPost;
  }

  /** Sends rows until the server holds them all. `ended` is the exit code of the journal, where it has one. */
  async send(
    rows: readonly PendingRow[],
    {summary, ended}: {summary: Record<string, unknown>; ended: number | null},
  ): Promise<void> {
    const {target} = this.#options;
    const files = this.#summary(summary);
    let left = rows;
    let refused = 0;
    while (left.length > 0) {
      const standing = await target.standing(ended);
      const part = this.#part(left);
      const history = target.history(part);
      const outcome = await this.#post({
        files: {'wandb-history.jsonl': history, ...(files.isLarge ? {} : files.file)},
        ...standing,
      });
      if (outcome.status === 'ok') {
        this.#backoff.success();
        target.took(part);
        left = left.slice(part.length);
        refused = 0;
        this.#rows = Math.min(requestRows, this.#rows * 2);
        continue;
      }
      await this.#failed(outcome);
      // It may have taken effect or not, in whole or in part: the server knows.
      await target.look();
      const lacking = left.filter(({values}) => !target.holds(values._step as number));
      if (lacking.length < left.length) this.#backoff.success();
      else if (outcome.status === 'refused') {
        if (part.length === 1 && ++refused >= refusals)
          throw rowRefused(part[0]!, history.offset, outcome.reason);
        if (outcome.code === 413) this.#bytes = Math.max(leastBytes, Math.floor(this.#bytes / 2));
        this.#rows = Math.ceil(part.length / 2);
      }
      left = lacking;
    }
    if (files.isLarge) await this.#post({files: files.file, ...(await target.standing(ended))});
    this.#options.onRecovered();
  }

  /** Says that the run lives, and which files came. */
  async heartbeat(): Promise<void> {
    await this.#post({});
  }

  /** Says that the run ended, with its last summary. */
  async complete(exitcode: number, summary: Record<string, unknown>): Promise<void> {
    const files = this.#summary(summary);
    if (files.isLarge) await this.say({files: files.file});
    await this.say({complete: true, exitcode, ...(files.isLarge ? {} : {files: files.file})});
  }

  /** Posts what holds no rows until it is taken. */
  async say(body: StreamPost): Promise<void> {
    for (let refused = 0; ;) {
      const outcome = await this.#post(body);
      if (outcome.status === 'ok') break;
      if (outcome.status === 'refused' && ++refused >= refusals) throw refusal(outcome.code, outcome.reason);
      await this.#failed(outcome);
      // A run that was deleted will not take it, and is told of here.
      await this.#options.target.look();
    }
    this.#backoff.success();
    this.#options.onRecovered();
  }

  /** Waits for the next attempt. @throws InvarianceError `tracker_failed` where there is to be none. */
  async #failed(outcome: Exclude<Outcome<unknown>, {status: 'ok'}>): Promise<void> {
    if (outcome.status === 'refused' && !passing.includes(outcome.code))
      throw refusal(outcome.code, outcome.reason);
    this.#options.onTrouble(outcome.reason);
    if (!(await this.#backoff.failure(outcome.status === 'retry' ? outcome.afterMs : null)))
      throw outOfReach(outcome.reason);
  }

  #summary(ours: Record<string, unknown>) {
    const text = summaryText(this.#options.target.summary(ours));
    const file: StreamPost['files'] = {'wandb-summary.json': {offset: 0, content: [text]}};
    return {file, isLarge: quotedBytes(text) > requestBytes};
  }

  /** As many of the rows as a request takes; one at least. */
  #part(rows: readonly PendingRow[]): PendingRow[] {
    const part = [rows[0]!];
    let {bytes} = rows[0]!;
    for (const row of rows.slice(1, this.#rows)) {
      bytes += row.bytes;
      if (bytes > this.#bytes) break;
      part.push(row);
    }
    return part;
  }

  async #post(body: StreamPost): Promise<Outcome<unknown>> {
    const {connection, target, media} = this.#options;
    const uploaded = media.arrived;
    const outcome = await connection.api.stream(target.path, {
      ...body,
      ...(uploaded.length > 0 ? {uploaded} : {}),
    });
    this.#lastPost = connection.now();
    if (outcome.status === 'ok') media.told(uploaded);
    return outcome;
  }
}

function rowRefused({text}: PendingRow, line: number, reason: string): InvarianceError {
  return new InvarianceError(
    'tracker_failed',
    `W&B refuses row ${line} of the run, ${text.slice(0, 200)}${text.length > 200 ? '…' : ''} (${reason}). ` +
      'The rows before it are there and the journal is kept; `wandb-invariance sync` tries again',
  );
}
