import {closeSync, existsSync, fsyncSync, openSync} from 'node:fs';
import {join} from 'node:path';
import {InvarianceError, messageOf} from '../../../errors.js';
import type {RunInfo, RunState} from '../../../types.js';
import type {JournalRecord} from '../../../journal/index.js';
import {
  JournalEnd,
  journalRecords,
  JournalTail,
  readRunInfo,
  runFiles,
  writerOf,
} from '../../../journal/index.js';
import {createApi} from '../protocol/api.js';
import {SideUploads} from './side-uploads.js';
import {MediaUploads} from './media-uploads.js';
import {findRun, openRun} from './open-run.js';
import {createBackoff} from '../protocol/backoff.js';
import {RowMaker, type Pictures} from '../content/rows.js';
import {RunConfig} from '../content/run-config.js';
import {createSession, type RunStatus, type Session} from '../protocol/session.js';
import {readState, stateKeeper, type UploadState} from './state.js';
import {quotedBytes, requestBytes, requestRows, Rewind, RowStream, type Line} from './stream.js';
import {exitCodes} from '../content/exit-codes.js';
import {Summary} from '../content/summary.js';
import {defaultTiming, type Timing} from '../protocol/timing.js';

export interface UploadOptions {
  folder: string;
  apiKey: string;
  timing?: Partial<Timing>;
  pictures?: Pictures;
  fetch?: typeof globalThis.fetch;
  /** Whether somebody may still write to the journal. */
  isLive: () => boolean;
  /** What a journal without an end means once nobody writes to it: its process died, or nobody knows yet. */
  withoutEnd: 'crashed' | 'leave open';
  /** The process whose rows these are: where another one that lives writes the run now, its end is not told. */
  writer?: number;
  onOpened?: (url: string) => void;
  onNotice?: (notice: {level: 'info' | 'warning'; message: string}) => void;
  sleep?: (ms: number) => Promise<void>;
}

export interface Uploaded {
  /** Rows of the journal, all of which the server was seen to hold. */
  rows: number;
  url: string;
}

/**
 * Uploads a journal into its W&B run until the journal ends, and proves it: the server is asked how many lines it
 * holds before the first row is sent, after every request that failed, and at the end. Line `base + k` of the run is
 * row k of the journal, so nothing is sent twice and nothing is missing, whatever broke in between, in this process
 * or in one before it. Config, alerts and checkpoints go beside the rows and never hold them up.
 *
 * Memory: the rows of one request (2 MiB), a chunk of the journal, and a few numbers a reading for the charts.
 *
 * @throws InvarianceError `tracker_failed` where W&B refuses (key, deleted run) or was out of reach for too long, and the
 * journal stays as it is; `bad_record` where the run's folder is deleted meanwhile.
 */
export async function uploadRun(options: UploadOptions): Promise<Uploaded> {
  const {folder, onNotice = () => {}} = options;
  const info = await readRunInfo(folder);
  const state = readState(folder);
  if (state === null) throw new InvarianceError('bad_record', `${folder} has no wandb.json`);
  const save = stateKeeper(folder, state, message => onNotice({level: 'warning', message}));
  try {
    const uploaded = await new Upload(options, {info, state, save}).run();
    state.problem = null;
    save();
    return uploaded;
  } catch (error) {
    if (!existsSync(folder)) throw deleted(folder);
    state.problem = messageOf(error);
    save();
    onNotice({level: 'warning', message: state.problem});
    throw error;
  }
}

class Upload {
  readonly #options: UploadOptions;
  readonly #info: RunInfo;
  readonly #state: UploadState;
  readonly #save: () => void;
  readonly #timing: Timing;
  readonly #session: Session;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #api;
  readonly #config: RunConfig;
  readonly #media: MediaUploads;
  #complained = false;

  constructor(
    options: UploadOptions,
    {info, state, save}: {info: RunInfo; state: UploadState; save: () => void},
  ) {
    this.#options = options;
    this.#info = info;
    this.#state = state;
    this.#save = save;
    this.#timing = {...defaultTiming, ...options.timing};
    const {apiKey, fetch, folder, sleep = pause} = options;
    this.#sleep = async ms => {
      await sleep(ms);
      // Whatever is waited for, nobody can ask for this run any more.
      if (!existsSync(folder)) throw deleted(folder);
    };
    const {baseUrl} = state.settings;
    this.#api = createApi({baseUrl, apiKey, fetch, timeoutMs: this.#timing.requestMs});
    this.#session = createSession({
      api: this.#api,
      backoff: () => this.#backoff(),
      onRetry: reason => this.#complain(reason),
    });
    this.#config = new RunConfig(info);
    this.#media = new MediaUploads({
      api: this.#api,
      folder,
      state,
      save,
      timing: this.#timing,
      sleep: this.#sleep,
      onNotice: message => this.#notice('warning', message),
    });
  }

  async run(): Promise<Uploaded> {
    const state = this.#state;
    const session = this.#session;
    const path = await findRun({session, state, info: this.#info});
    const found = await session.status(path);
    if (!this.#options.isLive() && this.#isComplete(found)) return {rows: state.rows, url: state.opened!.url};
    let status = await openRun({session, state, info: this.#info, path, found, config: this.#config});
    this.#save();
    const {entity, project, run, url} = state.opened!;
    this.#recovered();
    this.#options.onOpened?.(url);
    const stream = new RowStream({
      session,
      api: this.#api,
      path: {entity, project, run},
      media: this.#media,
      backoff: this.#backoff(),
      proof: this.#backoff(),
      onTrouble: reason => this.#complain(reason),
      onRecovered: () => this.#recovered(),
    });
    const beside = new SideUploads({
      api: this.#api,
      timing: this.#timing,
      sleep: this.#sleep,
      path: async () => ({entity, project, run}),
      state,
      save: this.#save,
      config: this.#config,
      onNotice: message => this.#notice('warning', message),
    });
    for (;;) {
      try {
        return await this.#pass(status, stream, beside);
      } catch (error) {
        if (!(error instanceof Rewind)) throw error;
        status = {...status, lines: error.lines};
      }
    }
  }

  #backoff() {
    return createBackoff({timing: this.#timing, sleep: this.#sleep});
  }

  /** Said once for each time W&B is out of reach: a day of retries is one line. */
  #complain(reason: string): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#notice('warning', `W&B does not answer (${reason}); rows wait in the journal`);
  }

  #recovered(): void {
    if (this.#complained) this.#notice('info', 'W&B answers again');
    this.#complained = false;
  }

  #notice(level: 'info' | 'warning', message: string): void {
    this.#options.onNotice?.({level, message});
  }

  /** Nothing was written since the server was told the end, it still holds all of it, and nothing is owed. */
  #isComplete(status: RunStatus | null): boolean {
    const {completed, base, rows, owedFiles, owedModels} = this.#state;
    if (status === null || completed === null || status.lines < base! + rows) return false;
    if (owedFiles.length > 0 || owedModels.length > 0) return false;
    let last = -1;
    for (const {seq} of journalRecords(this.#options.folder)) last = seq;
    return last === completed;
  }

  /** Reads the journal from its beginning, and sends what the server does not hold. */
  async #pass(status: RunStatus, stream: RowStream, beside: SideUploads): Promise<Uploaded> {
    const {folder, pictures, isLive} = this.#options;
    const state = this.#state;
    const base = state.base!;
    const tail = new JournalTail(folder);
    const onTrouble = (message: string) => this.#notice('warning', message);
    const maker = new RowMaker({info: this.#info, pictures, base, onTrouble});
    const summary = new Summary(this.#info.layers, status.summary);
    const end = new JournalEnd();
    const writer = await writerOf(folder);
    const from = writer === 'elsewhere' ? 0 : writer.from;
    let held = Math.max(status.lines, base);
    let pending: Line[] = [];
    let bytes = 0;
    let caughtUp = false;
    let last = -1;

    const flush = async (): Promise<void> => {
      if (pending.length === 0) return;
      const lines = pending;
      pending = [];
      bytes = 0;
      this.#syncJournal();
      held = await stream.send(lines, held, summary.values);
      state.rows = held - base;
      this.#save();
    };
    /** What a run that goes on asks for when there is nothing to send. */
    const wait = async (): Promise<void> => {
      if (Date.now() - stream.lastPost >= this.#timing.heartbeatMs) await stream.heartbeat();
      else await this.#sleep(this.#timing.pollMs);
    };
    const take = async (record: JournalRecord): Promise<void> => {
      for (const row of await maker.rows(record, {draw: maker.next >= held})) {
        summary.add(row.values);
        if ((row.values._step as number) < held) continue;
        const text = JSON.stringify(row.values);
        const quoted = quotedBytes(text);
        if (pending.length > 0 && (bytes + quoted > requestBytes || pending.length >= requestRows))
          await flush();
        pending.push({text, bytes: quoted, files: row.files});
        bytes += quoted;
      }
      end.see(record);
      beside.see(record);
      last = record.seq;
    };

    for (;;) {
      // An end from before this process resumed the run is none.
      const final = !isLive() || end.since(from) !== null;
      const record = tail.next({final});
      if (record !== null) {
        await take(record);
        continue;
      }
      if (!caughtUp) {
        caughtUp = true;
        if (maker.next < held) {
          // The server holds rows that this journal lost, to a disk that failed: new rows go behind them.
          this.#notice(
            'warning',
            `W&B holds ${held - maker.next} rows more than the journal; new rows go behind them`,
          );
          state.base = base + held - maker.next;
          this.#save();
          throw new Rewind(held);
        }
      }
      if (final) break;
      if (pending.length > 0 && Date.now() - stream.lastPost >= this.#timing.postMs) await flush();
      else await wait();
    }
    await flush();
    const prove = async (): Promise<void> => {
      const others = await stream.prove(maker.next, base);
      if (others > 0)
        this.#notice(
          'warning',
          `W&B holds ${others} rows more than the journal: another client writes there`,
        );
    };
    await prove();
    const ended = await this.#endOf(end);
    if (ended !== null) beside.end();
    while (!beside.isIdle) await wait();
    const late = await this.#media.deliver(state.opened!);
    if (ended === null) await stream.heartbeat(late);
    else {
      await stream.complete(exitCodes[ended], summary.values, late);
      await prove();
      state.completed = last;
    }
    state.rows = maker.next - base;
    return {rows: state.rows, url: state.opened!.url};
  }

  /** Null where the run goes on, or nobody knows. */
  async #endOf(end: JournalEnd): Promise<Exclude<RunState, 'running'> | null> {
    const {folder, withoutEnd, writer} = this.#options;
    const state = end.since(0);
    if (state !== null || withoutEnd === 'leave open') return state;
    const now = await writerOf(folder);
    const isOther = writer !== undefined && now !== 'elsewhere' && now.lives && now.pid !== writer;
    return isOther ? null : 'crashed';
  }

  /** What the server holds must be on our disk, or a power failure would number new rows as old ones. */
  #syncJournal(): void {
    try {
      const fd = openSync(join(this.#options.folder, runFiles.journal), 'r');
      fsyncSync(fd);
      closeSync(fd);
    } catch {
      // A run of format 1, which nobody writes any more, or a disk that cannot: the rows are sent all the same.
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

function deleted(folder: string): InvarianceError {
  return new InvarianceError('bad_record', `${folder} was deleted; its upload ends`);
}
