import {messageOf} from '../../errors.js';
import type {Reading, RunEvent, RunInfo} from '../../types.js';
import type {JournalRecord} from '../../journal/index.js';
import {plain} from '../../journal/index.js';
import {createApi, type RunPath} from './protocol/api.js';
import {BackgroundQueue} from './delivery/background-queue.js';
import {SideUploads} from './delivery/side-uploads.js';
import {MediaUploads} from './delivery/media-uploads.js';
import {createBackoff} from './protocol/backoff.js';
import {RowMaker, rowKey, type Pictures, type Row} from './content/rows.js';
import {RunConfig} from './content/run-config.js';
import {createSession} from './protocol/session.js';
import type {UploadState} from './delivery/state.js';
import {defaultTiming, type Timing} from './protocol/timing.js';

/** The user's own run of `@wandb/sdk` 0.5.1, as far as it is used; `wandb.init()` gives one. */
export interface OwnRun {
  /** Id in W&B. */
  readonly id: string;
  /** Project it is filed in. */
  readonly project: string;
  /** Who owns it; empty where the SDK was told none. */
  readonly entity: string;
  /** Key and server, for what goes beside the rows. */
  readonly settings: {apiKey?: string; baseUrl: string};
  /** One row. */
  log(data: Record<string, unknown>): void;
}

/** W&B's part of the user's run that the SDK cannot write (config, tables, …) is tried for this long, in the training process. */
const sideTiming = {retryForMs: 30_000, storageForMs: 30_000, requestMs: 10_000};

/** The SDK keeps this many rows that wait, and loses those before them. */
const sdkRows = 10_000;

export interface OwnRunLogger {
  readonly path: Promise<RunPath>;
  /** `before` are the records of a run that is resumed: rows are numbered from there on. */
  start(info: RunInfo, before: Iterable<JournalRecord>): Promise<void>;
  event(event: RunEvent): void;
  reading(reading: Reading): void;
  /**
   * Sends the last tables and waits for what is on its way; the run itself stays open, it is the user's. True where
   * nothing went wrong: the SDK says nothing of what it loses, but it loses where W&B is in trouble.
   */
  finish(end: Extract<RunEvent, {type: 'ended'}>): Promise<boolean>;
}

/**
 * Logs into a run that the user opened: rows through the SDK's own `log`, always with `train/global_step` and never
 * with a step; config, alerts, tables and checkpoints through W&B's own interface, because the SDK has no way to them.
 */
export function logIntoOwnRun({
  run,
  folder,
  state,
  save,
  pictures,
  timing,
  onNotice,
}: {
  run: OwnRun;
  folder: string;
  state: UploadState;
  /** Writes the state. */
  save: () => void;
  pictures?: Pictures;
  timing?: Partial<Timing>;
  onNotice: (message: string) => void;
}): OwnRunLogger {
  const times = {...defaultTiming, ...sideTiming, ...timing};
  const api = createApi({
    baseUrl: state.settings.baseUrl,
    apiKey: run.settings.apiKey ?? '',
    timeoutMs: times.requestMs,
  });
  const sleep = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms).unref());
  let troubles = 0;
  const trouble = (message: string): void => {
    troubles++;
    onNotice(message);
  };
  const session = createSession({
    api,
    backoff: () => createBackoff({timing: times, sleep}),
    onRetry: () => void troubles++,
  });
  const media = new MediaUploads({api, folder, state, save, timing: times, sleep, onNotice: trouble});
  /** Rows go out in the order they were made, however long their tables take. */
  const queue = new BackgroundQueue(trouble);
  let maker: RowMaker;
  let beside: SideUploads;
  let path: Promise<RunPath> | undefined;
  let seq = 0;

  function findPath(): Promise<RunPath> {
    path ??= (async () => ({
      // The SDK keeps no entity where the user named none.
      entity: run.entity || (await session.entity({})),
      project: run.project,
      run: run.id,
    }))();
    // Another one asks again.
    path.catch(() => (path = undefined));
    return path;
  }

  async function send({values, files}: Row): Promise<void> {
    const data = plain(values) as Record<string, unknown>;
    // These are the SDK's to count.
    for (const key of ['_step', '_timestamp', '_runtime']) delete data[key];
    run.log({...data, [rowKey]: values._step});
    if (files.length === 0) return;
    try {
      await media.upload(await findPath(), files);
    } catch (error) {
      media.keep(files);
      trouble(`tables of a reading wait for \`wandb-invariance sync\`: ${messageOf(error)}`);
    }
  }

  function take(record: JournalRecord): void {
    beside.see(record);
    queue.do(async () => {
      for (const row of await maker.rows(record, {draw: true})) await send(row);
    }, 'W&B');
  }

  return {
    get path() {
      return findPath();
    },
    async start(info, before) {
      const own = structuredClone(info);
      maker = new RowMaker({info: own, pictures, onTrouble: onNotice});
      beside = new SideUploads({
        api,
        timing: times,
        sleep,
        path: findPath,
        state,
        save,
        config: new RunConfig(own),
        onNotice: trouble,
      });
      for (const record of before) {
        seq = record.seq + 1;
        beside.see(record);
        await maker.rows(record, {draw: false});
      }
    },
    event(event) {
      take({seq: seq++, kind: 'event', event: structuredClone(event)});
    },
    reading(reading) {
      take({seq: seq++, kind: 'reading', reading: structuredClone(reading)});
    },
    async finish(end) {
      this.event(end);
      await queue.done;
      beside.end();
      await beside.done();
      if (state.owedFiles.length > 0) await findPath().then(at => media.deliver(at));
      return troubles === 0 && maker.next <= sdkRows;
    },
  };
}
