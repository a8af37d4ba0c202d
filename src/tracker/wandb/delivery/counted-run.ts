import type {RunInfo} from '../../../types.js';
import type {RunConfig} from '../content/run-config.js';
import type {RunPath} from '../protocol/api.js';
import type {Backoff} from '../protocol/backoff.js';
import type {Connection} from '../protocol/connection.js';
import {notThere, outOfReach} from '../protocol/refusals.js';
import type {RunStatus} from '../protocol/run-status.js';
import {findRun, openRun} from './open-run.js';
import type {UploadState} from './state.js';
import {Rewind, type PendingRow, type Target} from './target.js';

/** A run of ours, whose lines we count: line `base + k` of it is row k of the journal. */
export class CountedRun implements Target {
  readonly isOurs = true;
  readonly #connection: Connection;
  readonly #state: UploadState;
  readonly #info: RunInfo;
  readonly #config: RunConfig;
  /** Told success only where the server holds more lines than ever. */
  readonly #proof: Backoff;
  #path: RunPath | null = null;
  #found: RunStatus | null = null;
  /** Lines that the server was seen to hold, the same with those on their way, and the most it ever held. */
  #lines = 0;
  #sent = 0;
  #proven = 0;

  constructor(connection: Connection, run: {state: UploadState; info: RunInfo; config: RunConfig}) {
    this.#connection = connection;
    this.#state = run.state;
    this.#info = run.info;
    this.#config = run.config;
    this.#proof = connection.newBackoff();
  }

  get path(): RunPath {
    return this.#path!;
  }

  async find(): Promise<void> {
    const {session} = this.#connection;
    this.#path = await findRun({session, state: this.#state, info: this.#info});
    this.#found = await session.status(this.#path);
    // A run that is not there holds nothing, not even no lines.
    this.#count(this.#found?.lines ?? -1);
  }

  async open(): Promise<void> {
    const {session} = this.#connection;
    const [state, info, config] = [this.#state, this.#info, this.#config];
    this.#path = await openRun({session, state, info, config, path: this.path, found: this.#found});
    this.#count(Math.max(this.#lines, state.base!));
  }

  get before(): Record<string, unknown> {
    return this.#found?.summary ?? {};
  }

  holds(row: number): boolean {
    return row < this.#lines;
  }

  async look(): Promise<void> {
    const {lines} = await this.#status();
    const isAsThought = lines >= this.#lines && lines <= this.#sent;
    this.#lines = lines;
    if (isAsThought) return;
    this.#count(lines);
    throw new Rewind();
  }

  history(rows: readonly PendingRow[]): {offset: number; content: string[]} {
    const offset = rows[0]!.values._step as number;
    this.#sent = Math.max(this.#sent, offset + rows.length);
    return {offset, content: rows.map(({text}) => text)};
  }

  took(rows: readonly PendingRow[]): void {
    this.#lines = (rows.at(-1)!.values._step as number) + 1;
  }

  summary(ours: Record<string, unknown>): Record<string, unknown> {
    return ours;
  }

  standing(): Promise<Record<string, never>> {
    return Promise.resolve({});
  }

  beyond(rows: number): number {
    return Math.max(0, this.#lines - rows);
  }

  async prove(rows: number): Promise<void> {
    const {lines, lastStep} = await this.#status();
    const isWhole = lines > rows || (lines === rows && (lastStep === null || lastStep === rows - 1));
    if (isWhole || rows === this.#state.base) {
      this.#count(lines);
      return;
    }
    if (lines > this.#proven) this.#proof.success();
    this.#proven = Math.max(this.#proven, lines);
    if (!(await this.#proof.failure(null))) throw outOfReach(`it holds ${lines} of ${rows} rows`);
    // As many as it should be, and the last is another: none of them is known.
    this.#count(lines === rows ? this.#state.base! : lines);
    throw new Rewind();
  }

  #count(lines: number): void {
    this.#lines = this.#sent = lines;
  }

  async #status(): Promise<RunStatus> {
    const status = await this.#connection.session.status(this.path);
    if (status === null) throw notThere(this.path);
    return status;
  }
}
