import {InvarianceError} from '../../../errors.js';
import type {RunInfo} from '../../../types.js';
import {exitCodes} from '../content/exit-codes.js';
import {rowKey} from '../content/rows.js';
import type {RunPath} from '../protocol/api.js';
import type {Connection} from '../protocol/connection.js';
import {notThere} from '../protocol/refusals.js';
import {runUrl} from '../protocol/session.js';
import {findRun} from './open-run.js';
import type {UploadState} from './state.js';
import {Rewind, type PendingRow, type Standing, type Target} from './target.js';

/** Lines of history asked for at a time. */
const pageLines = 1_000;

export interface AppendedRunOptions {
  state: UploadState;
  info: RunInfo;
  /** Wait for the other client to end its run; without it that the run goes on is a failure. */
  waits: boolean;
  /** Told when rows begin to wait. */
  onWait: (message: string) => void;
}

/**
 * A run whose lines another client counts: the user's own SDK, which lost some of our rows, or a training's elsewhere,
 * which has none of them. Our rows carry their number, so those that are missing are known; they are appended behind the
 * lines that are there once that client has ended its run. Their place on the axis is `train/global_step`, so a chart
 * does not show that they came late. Name, group, state and exit code of the run stay as they are, and of its summary
 * and config what is not ours.
 */
export class AppendedRun implements Target {
  readonly isOurs = false;
  readonly before = {};
  readonly #connection: Connection;
  readonly #options: AppendedRunOptions;
  #path: RunPath | null = null;
  #held = new Set<number>();
  #lines = 0;
  /** `_step` of the next line: a client may count its steps as it likes, and ours go behind them. */
  #step = 0;
  #theirs: Record<string, unknown> = {};

  constructor(connection: Connection, options: AppendedRunOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  get path(): RunPath {
    return this.#path!;
  }

  async find(): Promise<void> {
    const {state, info} = this.#options;
    this.#path = await findRun({session: this.#connection.session, state, info});
  }

  async open(): Promise<void> {
    const {state} = this.#options;
    await this.#turn();
    await this.look();
    state.opened ??= {...this.path, url: runUrl(state.settings.baseUrl, this.path)};
  }

  holds(row: number): boolean {
    return this.#held.has(row);
  }

  async look(): Promise<void> {
    const status = await this.#connection.session.status(this.path);
    if (status === null) throw notThere(this.path);
    const before = this.#held;
    this.#lines = status.lines;
    this.#step = Math.max(status.lines, (status.lastStep ?? -1) + 1);
    this.#theirs = Object.fromEntries(
      Object.entries(status.summary).filter(([key]) => !key.startsWith('invariance/')),
    );
    this.#held = await this.#rowsHeld();
    if ([...before].some(row => !this.#held.has(row))) throw new Rewind();
  }

  history(rows: readonly PendingRow[]): {offset: number; content: string[]} {
    const content = rows.map(({values}, i) =>
      JSON.stringify({...values, [rowKey]: values._step, _step: this.#step + i}),
    );
    return {offset: this.#lines, content};
  }

  took(rows: readonly PendingRow[]): void {
    for (const {values} of rows) this.#held.add(values._step as number);
    this.#lines += rows.length;
    this.#step += rows.length;
  }

  summary(ours: Record<string, unknown>): Record<string, unknown> {
    return {...ours, ...this.#theirs};
  }

  /** The run's own end, as the server has it; the journal's where the server knows of none. */
  async standing(ended: number | null): Promise<Standing> {
    const {state, hasWaited} = await this.#turn();
    if (hasWaited) await this.look();
    if (state === 'finished' || state === 'killed') return {complete: true, exitcode: exitCodes[state]};
    if (state === 'failed' || state === 'crashed') return {complete: true, exitcode: exitCodes.crashed};
    return ended === null ? {} : {complete: true, exitcode: ended};
  }

  beyond(): number {
    return 0;
  }

  /** Each row was looked for, or taken with a yes; how soon history shows what was taken is not known. */
  async prove(): Promise<void> {}

  /** Nothing of ours goes to a run elsewhere while its own client counts the lines. */
  async #turn(): Promise<{state: string | null; hasWaited: boolean}> {
    const {session, sleep, timing} = this.#connection;
    const {state: known, waits, onWait} = this.#options;
    const {run, entity, project} = this.path;
    for (let hasWaited = false; ; hasWaited = true) {
      const state = await session.state(this.path);
      if (known.own === 'sdk' || (state !== 'running' && state !== null)) return {state, hasWaited};
      const standing = state === null ? 'is not there yet' : 'is still being written by its own client';
      if (!waits) {
        throw new InvarianceError(
          'tracker_failed',
          `W&B's run ${run} in ${entity}/${project} ${standing}; sync again when it has ended`,
        );
      }
      if (!hasWaited) onWait(`W&B's run ${run} ${standing}: rows wait until it has ended`);
      await sleep(timing.heartbeatMs);
    }
  }

  async #rowsHeld(): Promise<Set<number>> {
    const {api, session} = this.#connection;
    const {entity, project, run} = this.path;
    const held = new Set<number>();
    for (let minStep = 0; minStep < this.#step; minStep += pageLines) {
      const page = {minStep, maxStep: minStep + pageLines, pageSize: pageLines};
      const variables = {entity, project, run, ...page};
      const data = await session.attempt(() => api.graphql('HistoryPage', variables));
      const found = data.project as {run: {history: string[]} | null} | null;
      for (const line of found?.run?.history ?? []) {
        const number = new RegExp(`"${rowKey}":(\\d+)`).exec(line)?.[1];
        if (number !== undefined) held.add(Number(number));
      }
    }
    return held;
  }
}
