import {messageOf} from '../../errors.js';
import type {Reading, RunEvent, RunInfo} from '../../types.js';
import type {JournalRecord} from '../journal-lines.js';
import {plain} from '../plain.js';
import {createApi, type RunPath} from './api.js';
import {configOf} from './config.js';
import {createPatience} from './patience.js';
import {RowMaker, type Pictures, type Row} from './rows.js';
import {configFor, createSession, type Session} from './session.js';
import {defaultTiming, type Timing} from './timing.js';

/** The user's own run of `@wandb/sdk` 0.5.1, as far as it is used; `wandb.init()` gives one. */
export interface OwnRun {
  readonly id: string;
  readonly project: string;
  readonly entity: string;
  readonly settings: {apiKey?: string; baseUrl: string};
  log(data: Record<string, unknown>): void;
}

/** Key of the row's own number in a run whose lines another client counts: by it `sync` knows what arrived. */
export const rowKey = 'invariance/row';

/** W&B's part of the user's run that the SDK cannot write (config, tables) gets this long a request. */
const sideRequestMs = 10_000;

export interface OwnRunLogger {
  readonly path: Promise<RunPath>;
  /** `before` are the records of a run that is resumed: rows are numbered from there on. */
  start(info: RunInfo, before: Iterable<JournalRecord>): Promise<void>;
  event(event: RunEvent): void;
  reading(reading: Reading): void;
  /** Sends the last tables and waits for what is on its way; the run itself stays open, it is the user's. */
  finish(end: Extract<RunEvent, {type: 'ended'}>): Promise<void>;
}

/**
 * Logs into a run that the user opened: rows through the SDK's own `log`, always with `train/global_step` and never
 * with a step; metrics and config through W&B's own interface, merged into what the run has, because the SDK has
 * no way to add to them.
 */
export function logIntoOwnRun({
  run,
  pictures,
  timing,
  onNotice,
  fetch,
}: {
  run: OwnRun;
  pictures?: Pictures;
  timing?: Partial<Timing>;
  onNotice: (message: string) => void;
  fetch?: typeof globalThis.fetch;
}): OwnRunLogger {
  const times = {...defaultTiming, retryForMs: 30_000, requestMs: sideRequestMs, ...timing};
  const {settings} = run;
  const baseUrl = settings.baseUrl.replace(/\/+$/, '');
  const api = createApi({baseUrl, apiKey: settings.apiKey ?? '', timeoutMs: times.requestMs, fetch});
  const sleep = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms).unref());
  const session: Session = createSession({api, patience: createPatience({timing: times, sleep})});
  let info: RunInfo;
  let maker: RowMaker;
  let seq = 0;
  /** Rows go out in the order they were made, however long their tables take. */
  let queue: Promise<void> = Promise.resolve();
  let path: Promise<RunPath> | undefined;
  const logged = new Set<string>();

  function findPath(): Promise<RunPath> {
    path ??= (async () => ({
      // The SDK keeps no entity where the user named none.
      entity: run.entity || (await session.entity({})),
      project: run.project,
      run: run.id,
    }))();
    return path;
  }

  async function mergeConfig(): Promise<void> {
    try {
      const at = await findPath();
      const status = await session.status(at);
      const config = configFor(status, configOf(info, maker.baseline, logged));
      await session.attempt(() =>
        api.graphql('UpsertBucket', {
          name: at.run,
          project: at.project,
          entity: at.entity,
          config: JSON.stringify(config),
        }),
      );
    } catch (error) {
      onNotice(`the run's config could not be added to: ${messageOf(error)}`);
    }
  }

  async function send({values, files}: Row): Promise<void> {
    const data = plain(values) as Record<string, unknown>;
    // These are the SDK's to count.
    for (const key of ['_step', '_timestamp', '_runtime']) delete data[key];
    if (files.length > 0) {
      try {
        await session.uploadFiles(await findPath(), files);
      } catch (error) {
        onNotice(`tables of a reading could not be uploaded: ${messageOf(error)}`);
        for (const [key, value] of Object.entries(data)) {
          const type = (value as {_type?: string} | null)?._type;
          if (type === 'table-file' || type === 'image-file') delete data[key];
        }
      }
    }
    run.log({...data, [rowKey]: values._step});
  }

  function enqueue(task: () => Promise<void>): void {
    queue = queue.then(task).catch(error => onNotice(`W&B: ${messageOf(error)}`));
  }

  function learn(keys: readonly string[]): void {
    const before = logged.size;
    keys.forEach(key => logged.add(key));
    if (logged.size > before) enqueue(mergeConfig);
  }

  return {
    get path() {
      return findPath();
    },
    async start(started, before) {
      info = structuredClone(started);
      maker = new RowMaker({info, pictures, onTrouble: onNotice});
      for (const record of before) await maker.rows(record, {draw: false});
      enqueue(mergeConfig);
    },
    event(event) {
      const copy = structuredClone(event);
      if (copy.type === 'logged') learn(Object.keys(copy.values));
      enqueue(async () => {
        for (const made of await maker.rows({seq: seq++, kind: 'event', event: copy}, {draw: true}))
          await send(made);
      });
      if (copy.type === 'baseline') enqueue(mergeConfig);
    },
    reading(reading) {
      const copy = structuredClone(reading);
      learn(Object.keys(copy.logged));
      enqueue(async () => {
        for (const made of await maker.rows({seq: seq++, kind: 'reading', reading: copy}, {draw: true})) {
          await send(made);
        }
      });
    },
    async finish(end) {
      this.event(end);
      await queue;
    },
  };
}
