import {InTurn} from '../../disk/index.js';
import {messageOf} from '../../errors.js';
import type {Reading, RunEvent, RunInfo} from '../../types.js';
import {plain, type JournalRecord} from '../../journal/index.js';
import {RowMaker, rowKey, type Pictures, type Row} from './content/rows.js';
import {OwedList} from './delivery/owed.js';
import {SideUploads} from './delivery/side-uploads.js';
import type {UploadState} from './delivery/state.js';
import type {RunPath} from './protocol/api.js';
import {connect, type Connection} from './protocol/connection.js';
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

export interface SdkRunOptions {
  run: OwnRun;
  folder: string;
  info: RunInfo;
  state: UploadState;
  /** Writes the state. */
  save: () => void;
  pictures?: Pictures;
  timing?: Partial<Timing>;
  onNotice: (message: string) => void;
}

/**
 * Logs into a run that the user opened: rows through the SDK's own `log`, always with `train/global_step` and never
 * with a step; config, alerts, tables and checkpoints through W&B's own interface, because the SDK has no way to them.
 */
export class SdkRunLogger {
  readonly #options: SdkRunOptions;
  readonly #connection: Connection;
  readonly #owed: OwedList;
  readonly #side: SideUploads;
  readonly #maker: RowMaker;
  /** Rows go out in the order they were made, however long their pictures take. */
  readonly #queue = new InTurn();
  #path: Promise<RunPath> | undefined;
  #seq = 0;
  #troubles = 0;

  constructor(options: SdkRunOptions) {
    const {run, folder, state, save, pictures, timing, onNotice} = options;
    const info = structuredClone(options.info);
    this.#options = options;
    this.#connection = connect({
      baseUrl: state.settings.baseUrl,
      apiKey: run.settings.apiKey ?? '',
      timing: {...defaultTiming, ...sideTiming, ...timing},
      sleep: ms => new Promise(resolve => setTimeout(resolve, ms).unref()),
      onRetry: () => void this.#troubles++,
    });
    this.#owed = new OwedList(state, save);
    this.#maker = new RowMaker({info, pictures, onTrouble: onNotice});
    this.#side = new SideUploads({
      connection: this.#connection,
      folder,
      info,
      state,
      owed: this.#owed,
      path: () => this.path(),
      tells: false,
      onNotice: message => this.#trouble(message),
    });
  }

  /** Where the run is; another call asks again where W&B did not say. */
  path(): Promise<RunPath> {
    const {run} = this.#options;
    this.#path ??= (async () => ({
      // The SDK keeps no entity where the user named none.
      entity: run.entity || (await this.#connection.session.entity({})),
      project: run.project,
      run: run.id,
    }))();
    this.#path.catch(() => (this.#path = undefined));
    return this.#path;
  }

  /** `before` are the records of a run that is resumed: rows are numbered from there on. */
  async start(before: Iterable<JournalRecord>): Promise<void> {
    for (const record of before) {
      this.#seq = record.seq + 1;
      this.#side.see(record);
      await this.#maker.rows(record, {draw: false});
    }
    this.#owed.add({kind: 'rows'});
  }

  event(event: RunEvent): void {
    this.#take({seq: this.#seq++, kind: 'event', event: structuredClone(event)});
  }

  reading(reading: Reading): void {
    this.#take({seq: this.#seq++, kind: 'reading', reading: structuredClone(reading)});
  }

  /**
   * Waits for what is on its way; the run itself stays open, it is the user's. The rows are owed from then on unless
   * nothing went wrong: the SDK says nothing of what it loses, but it loses where W&B is in trouble.
   */
  async finish(end: Extract<RunEvent, {type: 'ended'}>): Promise<void> {
    this.event(end);
    await this.#queue.done();
    await this.#side.finish({ended: true});
    if (this.#troubles === 0 && this.#maker.next <= sdkRows) this.#owed.settle({kind: 'rows'});
    this.#options.save();
  }

  #take(record: JournalRecord): void {
    this.#side.see(record);
    this.#side.poke();
    this.#queue
      .do(async () => (await this.#maker.rows(record, {draw: true})).forEach(row => this.#send(row)))
      .catch(error => this.#trouble(`W&B: ${messageOf(error)}`));
  }

  #send({values, files}: Row): void {
    const data = plain(values) as Record<string, unknown>;
    // These are the SDK's to count.
    for (const key of ['_step', '_timestamp', '_runtime']) delete data[key];
    this.#side.keep(files);
    this.#options.run.log({...data, [rowKey]: values._step});
  }

  #trouble(message: string): void {
    this.#troubles++;
    this.#options.onNotice(message);
  }
}
