import {InvarianceError} from '../../../errors.js';
import type {Api, RunPath, StreamPost} from '../protocol/api.js';
import type {MediaFile} from '../content/media.js';
import type {MediaUploads} from './media-uploads.js';
import type {Backoff} from '../protocol/backoff.js';
import type {Outcome} from '../protocol/request.js';
import {notThere, outOfReach, refusal, type RunStatus, type Session} from '../protocol/session.js';
import {summaryText} from '../content/summary.js';

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

/** The server holds another number of lines than was thought: the journal is read again from its beginning. */
export class Rewind {
  constructor(readonly lines: number) {}
}

/** A line of the history on its way. */
export interface Line {
  text: string;
  /** Inside a request, where it is quoted once more. */
  bytes: number;
  files: readonly MediaFile[];
}

export function quotedBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

export interface RowStreamOptions {
  session: Session;
  api: Api;
  path: RunPath;
  media: MediaUploads;
  /** Told success only where rows arrived: that the server answers other questions is none. */
  backoff: Backoff;
  /** Told success only where the server holds more lines than ever. */
  proof: Backoff;
  onTrouble: (reason: string) => void;
  onRecovered: () => void;
}

/** The file stream of a run whose lines we count: posts at an offset, and the comparison with what the server holds. */
export class RowStream {
  readonly #options: RowStreamOptions;
  /** Bytes and rows of a request, fewer where the server refused more. */
  #bytes = requestBytes;
  #rows = requestRows;
  #proven = 0;
  /** When something was posted last, Unix ms. */
  lastPost = 0;

  constructor(options: RowStreamOptions) {
    this.#options = options;
  }

  /** Sends lines from `offset` on, and gives the number that the server then holds. */
  async send(lines: readonly Line[], offset: number, summary: Record<string, unknown>): Promise<number> {
    const {media, path, backoff, onTrouble, onRecovered} = this.#options;
    let uploaded = await media.upload(
      path,
      lines.flatMap(line => line.files),
    );
    const text = summaryText(summary);
    const isLarge = quotedBytes(text) > requestBytes;
    let first = 0;
    let refused = 0;
    while (first < lines.length) {
      const part = this.#part(lines, first);
      const outcome = await this.#post({
        files: {
          'wandb-history.jsonl': {offset: offset + first, content: part.map(line => line.text)},
          ...(isLarge ? {} : summaryFile(text)),
        },
        ...(uploaded.length > 0 ? {uploaded} : {}),
      });
      if (outcome.status === 'ok') {
        backoff.success();
        first += part.length;
        refused = 0;
        uploaded = [];
        this.#rows = Math.min(requestRows, this.#rows * 2);
        continue;
      }
      if (outcome.status === 'refused' && !passing.includes(outcome.code))
        throw refusal(outcome.code, outcome.reason);
      onTrouble(outcome.reason);
      if (!(await backoff.failure(outcome.status === 'retry' ? outcome.afterMs : null)))
        throw outOfReach(outcome.reason);
      // It may have taken effect or not, in whole or in part: the server knows.
      const held = (await this.#status()).lines - offset;
      if (held < first || held > lines.length) throw new Rewind(held + offset);
      if (held > first) backoff.success();
      else if (outcome.status === 'refused') {
        if (part.length === 1 && ++refused >= refusals)
          throw rowRefused(part[0]!, offset + first, outcome.reason);
        if (outcome.code === 413) this.#bytes = Math.max(leastBytes, Math.floor(this.#bytes / 2));
        this.#rows = Math.ceil(part.length / 2);
      }
      first = held;
    }
    if (isLarge) await this.#post({files: summaryFile(text)});
    onRecovered();
    return offset + lines.length;
  }

  /** As many of the lines from `first` on as a request takes; one at least. */
  #part(lines: readonly Line[], first: number): Line[] {
    const part = [lines[first]!];
    let {bytes} = lines[first]!;
    for (const line of lines.slice(first + 1, first + this.#rows)) {
      bytes += line.bytes;
      if (bytes > this.#bytes) break;
      part.push(line);
    }
    return part;
  }

  async #post(body: StreamPost): Promise<Outcome<unknown>> {
    const {api, path} = this.#options;
    const outcome = await api.stream(path, body);
    this.lastPost = Date.now();
    return outcome;
  }

  async #status(): Promise<RunStatus> {
    const {session, path} = this.#options;
    const status = await session.status(path);
    if (status === null) throw notThere(path);
    return status;
  }

  /**
   * Compares what the server holds with the journal: line count and last step. Gives the number of lines that it holds
   * beyond `lines`, which another client wrote.
   */
  async prove(lines: number, base: number): Promise<number> {
    const {proof} = this.#options;
    const status = await this.#status();
    if (lines === base) return 0;
    if (status.lines > lines) return status.lines - lines;
    if (status.lines === lines && (status.lastStep === null || status.lastStep === lines - 1)) return 0;
    if (status.lines > this.#proven) proof.success();
    this.#proven = Math.max(this.#proven, status.lines);
    if (!(await proof.failure(null))) throw outOfReach(`it holds ${status.lines} of ${lines} rows`);
    throw new Rewind(status.lines === lines ? base : status.lines);
  }

  /** Says that the run lives, and which files came late. */
  async heartbeat(uploaded: string[] = []): Promise<void> {
    await this.#post(uploaded.length > 0 ? {uploaded} : {});
  }

  /** Says that the run ended, with its last summary and the files that came late. */
  async complete(exitcode: number, summary: Record<string, unknown>, uploaded: string[]): Promise<void> {
    const text = summaryText(summary);
    const end = {complete: true, exitcode, ...(uploaded.length > 0 ? {uploaded} : {})};
    if (quotedBytes(text) > requestBytes) await this.#say({files: summaryFile(text)});
    else Object.assign(end, {files: summaryFile(text)});
    await this.#say(end);
  }

  /** Posts what holds no rows until it is taken. */
  async #say(body: StreamPost): Promise<void> {
    const {backoff, onTrouble, onRecovered} = this.#options;
    for (let refused = 0; ;) {
      const outcome = await this.#post(body);
      if (outcome.status === 'ok') break;
      if (outcome.status === 'refused' && (!passing.includes(outcome.code) || ++refused >= refusals))
        throw refusal(outcome.code, outcome.reason);
      onTrouble(outcome.reason);
      if (!(await backoff.failure(outcome.status === 'retry' ? outcome.afterMs : null)))
        throw outOfReach(outcome.reason);
      // A run that was deleted will not take it, and is told of here.
      await this.#status();
    }
    backoff.success();
    onRecovered();
  }
}

export function summaryFile(text: string): NonNullable<StreamPost['files']> {
  return {'wandb-summary.json': {offset: 0, content: [text]}};
}

function rowRefused({text}: Line, line: number, reason: string): InvarianceError {
  return new InvarianceError(
    'tracker_failed',
    `W&B refuses row ${line} of the run, ${text.slice(0, 200)}${text.length > 200 ? '…' : ''} (${reason}). ` +
      'The rows before it are there and the journal is kept; `wandb-invariance sync` tries again',
  );
}
