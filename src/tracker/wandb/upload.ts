import {closeSync, existsSync, fsyncSync, openSync} from 'node:fs';
import {join} from 'node:path';
import {InvarianceError, messageOf} from '../../errors.js';
import type {Reading, RunInfo, RunState} from '../../types.js';
import type {JournalRecord} from '../journal-lines.js';
import {readRunInfo, runFiles} from '../read-run.js';
import {alertsOf} from './alerts.js';
import {createApi, type RunPath} from './api.js';
import {uploadArtifact} from './artifacts.js';
import {configOf} from './config.js';
import type {MediaFile} from './media.js';
import {createPatience, type Patience} from './patience.js';
import {RowMaker, type Pictures} from './rows.js';
import {configFor, createSession, refusal, type RunStatus, type Session} from './session.js';
import {readState, writeState, type UploadState} from './state.js';
import {Summary} from './summary.js';
import {journalRecords, JournalTail} from './tail.js';
import {defaultTiming, type Timing} from './timing.js';

/** One request carries at most this many bytes of rows; W&B refuses 10 MiB. Also the bound on rows in memory. */
export const requestBytes = 2 * 1024 * 1024;
/** And at most this many rows. */
export const requestRows = 2_000;

/** Training's own keys that the list of metrics names; the pattern `*` in it covers all others. */
export const listedKeys = 500;

/** What W&B shows of a run that ended: 0 finished, 255 killed, anything else failed. */
export const exitCodes: Record<Exclude<RunState, 'running'>, number> = {finished: 0, crashed: 1, killed: 255};

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
  onOpened?: (url: string) => void;
  onNotice?: (notice: {level: 'info' | 'warning'; message: string}) => void;
  sleep?: (ms: number) => Promise<void>;
}

export interface Uploaded {
  /** Rows of the journal, all of which the server was seen to hold. */
  rows: number;
  url: string;
}

/** The server holds another number of lines than was thought: the journal is read again from its beginning. */
class Rewind {
  constructor(readonly lines: number) {}
}

interface Pending {
  line: string;
  files: MediaFile[];
}

/**
 * Uploads a journal into its W&B run until the journal ends, and proves it: the server is asked how many lines it
 * holds before the first row is sent, after every request that failed, and at the end. Line `base + k` of the run is
 * row k of the journal, so nothing is sent twice and nothing is missing, whatever broke in between, in this process
 * or in one before it.
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
  const upload = new Upload(options, info, state);
  try {
    const uploaded = await upload.run();
    state.problem = null;
    writeState(folder, state);
    return uploaded;
  } catch (error) {
    if (!existsSync(folder)) throw deleted(folder);
    state.problem = messageOf(error);
    writeState(folder, state);
    onNotice({level: 'warning', message: state.problem});
    throw error;
  }
}

class Upload {
  readonly #options: UploadOptions;
  readonly #info: RunInfo;
  readonly #state: UploadState;
  readonly #timing: Timing;
  readonly #session: Session;
  readonly #patience: Patience;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #api;
  /** Training's own keys, each in W&B's list of metrics once it was seen. */
  readonly #logged = new Set<string>();
  #path: RunPath = {entity: '', project: '', run: ''};
  #batch = requestBytes;
  #lastPost = 0;
  #complained = false;

  constructor(options: UploadOptions, info: RunInfo, state: UploadState) {
    this.#options = options;
    this.#info = info;
    this.#state = state;
    this.#timing = {...defaultTiming, ...options.timing};
    const {apiKey, fetch, folder, sleep = pause} = options;
    this.#sleep = async ms => {
      await sleep(ms);
      // Whatever is waited for, nobody can ask for this run any more.
      if (!existsSync(folder)) throw deleted(folder);
    };
    const {baseUrl} = state.settings;
    this.#api = createApi({baseUrl, apiKey, fetch, timeoutMs: this.#timing.requestMs});
    this.#patience = createPatience({timing: this.#timing, sleep: this.#sleep});
    this.#session = createSession({
      api: this.#api,
      patience: this.#patience,
      onRetry: reason => this.#complain(reason),
    });
  }

  async run(): Promise<Uploaded> {
    const path = await this.#find();
    const found = await this.#session.status(path);
    if (this.#isComplete(found)) return {rows: this.#state.rows, url: this.#state.opened!.url};
    let status = await this.#open(path, found);
    for (;;) {
      try {
        return await this.#pass(status);
      } catch (error) {
        if (!(error instanceof Rewind)) throw error;
        status = {...status, lines: error.lines};
      }
    }
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

  async #find(): Promise<RunPath> {
    const {settings, opened} = this.#state;
    if (opened) return opened;
    const entity = await this.#session.entity(settings);
    return {entity, project: settings.project, run: settings.id ?? this.#info.id};
  }

  /** Nothing was written since the server was told the end, and it still holds all of it. */
  #isComplete(status: RunStatus | null): boolean {
    const {completed, base, rows} = this.#state;
    if (status === null || completed === null || status.lines < base! + rows) return false;
    let last = -1;
    for (const {seq} of journalRecords(this.#options.folder)) last = seq;
    return last === completed;
  }

  /** Opens or finds the run, and settles which of its lines is our first one. */
  async #open(path: RunPath, status: RunStatus | null): Promise<RunStatus> {
    const state = this.#state;
    const {settings} = state;
    if (status === null && state.opened !== null)
      throw refusal(404, `${path.entity}/${path.project}/${path.run}`);
    if (status === null && settings.resume === 'must') {
      throw new InvarianceError(
        'tracker_failed',
        `resume is "must" and W&B has no run ${path.run}; name one it has`,
      );
    }
    // A run that is there but empty may be ours: a process may die between opening a run and noting it.
    if (status !== null && status.lines > 0 && state.opened === null && settings.resume === 'never') {
      throw new InvarianceError(
        'tracker_failed',
        `resume is "never" and W&B has a run ${path.run}; name another id`,
      );
    }
    // Whatever the run was, W&B counts it as running from here on.
    state.completed = null;
    const config = configFor(status, configOf(this.#info, null));
    this.#path = await this.#session.upsert(path, settings, this.#info, config);
    const {entity: owner, project, run} = this.#path;
    const url = `${settings.baseUrl.replace('//api.wandb', '//wandb')}/${owner}/${project}/runs/${run}`;
    state.opened = {entity: owner, project, run, url};
    state.base ??= status?.lines ?? 0;
    writeState(this.#options.folder, state);
    this.#recovered();
    this.#options.onOpened?.(url);
    return status ?? {lines: 0, lastStep: null, summary: {}, config};
  }

  /** Reads the journal from its beginning, and sends what the server does not hold. */
  async #pass(status: RunStatus): Promise<Uploaded> {
    const {folder, pictures, isLive, withoutEnd} = this.#options;
    const state = this.#state;
    const base = state.base!;
    const tail = new JournalTail(folder);
    const onTrouble = (message: string) => this.#notice('warning', message);
    const maker = new RowMaker({info: this.#info, pictures, base, onTrouble});
    const summary = new Summary(this.#info.layers, status.summary);
    let held = Math.max(status.lines, base);
    let pending: Pending[] = [];
    let bytes = 0;
    let caughtUp = false;
    let ended: Exclude<RunState, 'running'> | null = null;
    let last = -1;
    let previous: Reading | null = null;

    const flush = async (): Promise<void> => {
      if (pending.length === 0) return;
      const rows = pending;
      pending = [];
      bytes = 0;
      held = await this.#send(rows, held, summary.values);
      state.rows = held - base;
      writeState(folder, state);
    };

    for (;;) {
      const final = ended !== null || !isLive();
      const record = tail.next({final});
      if (record !== null) {
        for (const row of await maker.rows(record, {draw: maker.next >= held})) {
          summary.add(row.values);
          if ((row.values._step as number) < held) continue;
          const line = JSON.stringify(row.values);
          // A line is quoted once more inside the request.
          const quoted = Buffer.byteLength(JSON.stringify(line));
          if (pending.length > 0 && (bytes + quoted > this.#batch || pending.length >= requestRows))
            await flush();
          pending.push({line, files: row.files});
          bytes += quoted;
        }
        // Notices may follow the end; a record of training takes it back.
        if (record.kind === 'reading' || ['logged', 'resumed', 'baseline'].includes(record.event.type))
          ended = null;
        else if (record.event.type === 'ended') ended = record.event.state;
        last = record.seq;
        await this.#beside(record, maker, previous, flush);
        if (record.kind === 'reading') previous = record.reading;
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
          writeState(folder, state);
          throw new Rewind(held);
        }
      }
      if (final) break;
      const waited = Date.now() - this.#lastPost;
      if (pending.length > 0 && waited >= this.#timing.postMs) await flush();
      else if (waited >= this.#timing.heartbeatMs) await this.#heartbeat();
      else await this.#sleep(this.#timing.pollMs);
    }
    await flush();
    await this.#prove(maker.next, base);
    const end = ended ?? (withoutEnd === 'crashed' ? 'crashed' : null);
    if (end !== null) {
      await this.#uploadLastModel();
      const body = {
        files: {'wandb-summary.json': {offset: 0, content: [JSON.stringify(summary.values)]}},
        complete: true,
        exitcode: exitCodes[end],
      };
      await this.#session.attempt(() => this.#session.post(this.#path, body));
      await this.#prove(maker.next, base);
      state.completed = last;
    }
    state.rows = maker.next - base;
    return {rows: state.rows, url: state.opened!.url};
  }

  /** Sends rows from line `offset` on, and says how many lines the server then holds. */
  async #send(rows: readonly Pending[], offset: number, summary: Record<string, unknown>): Promise<number> {
    this.#syncJournal();
    let first = 0;
    const files = rows.flatMap(row => row.files);
    await this.#session.uploadFiles(this.#path, files);
    while (first < rows.length) {
      const content = rows.slice(first).map(row => row.line);
      const outcome = await this.#session.post(this.#path, {
        files: {
          'wandb-history.jsonl': {offset: offset + first, content},
          'wandb-summary.json': {offset: 0, content: [JSON.stringify(summary)]},
        },
        ...(files.length > 0 ? {uploaded: files.map(file => file.path)} : {}),
      });
      this.#lastPost = Date.now();
      if (outcome.status === 'ok') {
        this.#patience.success();
        break;
      }
      if (
        outcome.status === 'refused' &&
        outcome.code !== 400 &&
        outcome.code !== 409 &&
        outcome.code !== 413
      ) {
        throw refusal(outcome.code, outcome.reason);
      }
      this.#complain(outcome.reason);
      const wait = outcome.status === 'retry' ? outcome.afterMs : null;
      if (!(await this.#patience.failure(wait))) throw outOfReach(outcome.reason);
      // It may have taken effect or not, in whole or in part: the server knows.
      const held = (await this.#lines()) - offset;
      if (outcome.status === 'refused' && outcome.code === 413 && this.#batch > 64 * 1024) {
        this.#batch /= 2;
        throw new Rewind(held + offset);
      }
      if (held < first || held > rows.length) throw new Rewind(held + offset);
      first = held;
    }
    this.#recovered();
    return offset + rows.length;
  }

  async #lines(): Promise<number> {
    const status = await this.#session.status(this.#path);
    if (status === null) throw refusal(404, `${this.#path.entity}/${this.#path.project}/${this.#path.run}`);
    return status.lines;
  }

  /** Compares what the server holds with the journal: line count and last step. */
  async #prove(lines: number, base: number): Promise<void> {
    const status = await this.#session.status(this.#path);
    if (status === null) throw refusal(404, `${this.#path.entity}/${this.#path.project}/${this.#path.run}`);
    if (lines === base) return;
    if (status.lines > lines) {
      this.#notice(
        'warning',
        `W&B holds ${status.lines - lines} rows more than the journal: another client writes there`,
      );
      return;
    }
    if (status.lines === lines && (status.lastStep === null || status.lastStep === lines - 1)) return;
    if (!(await this.#patience.failure(null))) throw outOfReach(`it holds ${status.lines} of ${lines} rows`);
    throw new Rewind(status.lines === lines ? base : status.lines);
  }

  async #heartbeat(): Promise<void> {
    this.#lastPost = Date.now();
    await this.#session.post(this.#path, {});
  }

  /** Everything of a record that is no row: config, alerts, artifacts. */
  async #beside(
    record: JournalRecord,
    maker: RowMaker,
    previous: Reading | null,
    flush: () => Promise<void>,
  ): Promise<void> {
    if (record.kind === 'reading') {
      await this.#alert(record.reading, previous);
      await this.#learn(Object.keys(record.reading.logged), maker);
      return;
    }
    const {event} = record;
    if (event.type === 'baseline') await this.#upsertConfig(maker);
    if (event.type === 'logged') await this.#learn(Object.keys(event.values), maker);
    if (event.type === 'checkpoint' && this.#state.settings.logModel === 'checkpoint') {
      await flush();
      await this.#uploadModel(event);
    }
    if (event.type === 'checkpoint') this.#lastCheckpoint = event;
  }

  #lastCheckpoint: {step: number; path: string; aliases: readonly string[]} | null = null;

  async #upsertConfig(maker: RowMaker): Promise<void> {
    const status = await this.#session.status(this.#path);
    const config = configFor(status, configOf(this.#info, maker.baseline, this.#logged));
    await this.#session.upsert(this.#path, this.#state.settings, this.#info, config);
  }

  async #learn(keys: readonly string[], maker: RowMaker): Promise<void> {
    const before = this.#logged.size;
    for (const key of keys) if (this.#logged.size < listedKeys) this.#logged.add(key);
    if (this.#logged.size > before) await this.#upsertConfig(maker);
  }

  async #alert(reading: Reading, previous: Reading | null): Promise<void> {
    const state = this.#state;
    for (const {layer, title, text} of alertsOf(state.settings.alerts, reading, previous, state.alerted)) {
      const {entity: entityName, project: projectName, run: runName} = this.#path;
      const variables = {entityName, projectName, runName, title, text, severity: 'WARN', waitDuration: 0};
      await this.#session.attempt(() => this.#api.graphql('NotifyScriptableRunAlert', variables));
      state.alerted.push(layer);
      writeState(this.#options.folder, state);
    }
  }

  async #uploadLastModel(): Promise<void> {
    if (this.#state.settings.logModel === 'end' && this.#lastCheckpoint)
      await this.#uploadModel(this.#lastCheckpoint);
  }

  async #uploadModel(checkpoint: {step: number; path: string; aliases: readonly string[]}): Promise<void> {
    const {step, path, aliases} = checkpoint;
    const state = this.#state;
    const id = `${path} ${step}`;
    if (state.artifacts[id] !== undefined) return;
    const name = `model-${this.#path.run}`;
    try {
      await uploadArtifact(send => this.#session.attempt(send), this.#api, this.#path, {
        name,
        type: 'model',
        folder: path,
        aliases: [...new Set(['latest', `step-${step}`, ...aliases])],
        metadata: {step},
        step,
      });
    } catch (error) {
      // Old checkpoints are deleted while training goes on; that must not stop the rows.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#notice('warning', `checkpoint ${path} is gone and was not uploaded`);
    }
    state.artifacts[id] = name;
    writeState(this.#options.folder, state);
  }

  /** What the server holds must be on our disk, or a power failure would number new rows as old ones. */
  #syncJournal(): void {
    for (const kind of ['reading', 'event'] as const) {
      try {
        const fd = openSync(join(this.#options.folder, runFiles[kind]), 'r');
        fsyncSync(fd);
        closeSync(fd);
      } catch {
        // A file that is not there yet, or a disk that cannot: the rows are sent all the same.
      }
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

function deleted(folder: string): InvarianceError {
  return new InvarianceError('bad_record', `${folder} was deleted; its upload ends`);
}

function outOfReach(reason: string): InvarianceError {
  return new InvarianceError(
    'tracker_failed',
    `W&B could not be reached: ${reason}. The journal is kept; \`wandb-invariance sync\` tries again`,
  );
}
