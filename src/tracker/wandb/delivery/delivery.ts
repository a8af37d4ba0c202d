import {existsSync} from 'node:fs';
import {setTimeout as pause} from 'node:timers/promises';
import type {RunInfo} from '../../../types.js';
import {journalRecords, writerOf} from '../../../journal/index.js';
import {exitCodes} from '../content/exit-codes.js';
import type {Pictures} from '../content/rows.js';
import {connect, type Connection} from '../protocol/connection.js';
import {defaultTiming, type Timing} from '../protocol/timing.js';
import {AppendedRun} from './appended-run.js';
import {CountedRun} from './counted-run.js';
import {folderDeleted} from './folder-deleted.js';
import {JournalPass} from './journal-pass.js';
import {OwedList, type Owed} from './owed.js';
import {RowSender} from './row-sender.js';
import {SideUploads} from './side-uploads.js';
import type {UploadState} from './state.js';
import {syncJournal} from './sync-journal.js';
import {Rewind, type Target} from './target.js';

export interface DeliveryOptions {
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
  /** Waits for a run that another client is writing; without it that is a failure. */
  waits?: boolean;
  onOpened?: (url: string) => void;
  onNotice?: (notice: {level: 'info' | 'warning'; message: string}) => void;
  /** Rejects when the signal says that nobody waits any more. */
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface Delivered {
  /** Rows of the journal, all of which the server was seen to hold. */
  rows: number;
  url: string;
  /** What is no row and did not arrive; it stands in the run's state, for the next delivery. */
  owed: readonly Owed[];
}

/** The one loop from a journal to its run, whatever run that is; the case is the target's. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #info: RunInfo;
  readonly #state: UploadState;
  readonly #save: () => void;
  readonly #owed: OwedList;
  readonly #connection: Connection;
  readonly #target: Target;
  readonly #side: SideUploads;
  readonly #sender: RowSender;
  /** Ends the waiting of what goes beside the rows. */
  readonly #over = new AbortController();
  #isComplaining = false;

  constructor(
    options: DeliveryOptions,
    {info, state, save}: {info: RunInfo; state: UploadState; save: () => void},
  ) {
    const {folder, apiKey, fetch, waits = false} = options;
    const {sleep = (ms, signal) => pause(ms, undefined, {signal})} = options;
    this.#options = options;
    this.#info = info;
    this.#state = state;
    this.#save = save;
    this.#owed = new OwedList(state, save);
    const timing = {...defaultTiming, ...options.timing};
    const server = {baseUrl: state.settings.baseUrl, apiKey, fetch, timing};
    const wait = async (ms: number, signal?: AbortSignal): Promise<void> => {
      await sleep(ms, signal);
      // Whatever is waited for, nobody can ask for this run any more.
      if (!existsSync(folder)) throw folderDeleted(folder);
    };
    const connection = connect({
      ...server,
      sleep: ms => wait(ms),
      onRetry: reason => this.#complain(reason),
    });
    this.#connection = connection;
    const path = () => Promise.resolve(this.#target.path);
    const onNotice = (message: string) => this.#notice('warning', message);
    const run = {folder, info, state, owed: this.#owed, path, tells: true};
    const beside = connect({...server, sleep: ms => wait(ms, this.#over.signal)});
    this.#side = new SideUploads({...run, connection: beside, onNotice});
    this.#target = state.own
      ? new AppendedRun(connection, {state, info, waits, onWait: message => this.#notice('info', message)})
      : new CountedRun(connection, {state, info, config: this.#side.config});
    this.#sender = new RowSender({
      connection,
      target: this.#target,
      media: this.#side.media,
      onTrouble: reason => this.#complain(reason),
      onRecovered: () => this.#recovered(),
    });
  }

  async run(): Promise<Delivered> {
    await this.#target.find();
    if (!this.#options.isLive() && this.#isComplete()) return this.#delivered();
    await this.#target.open();
    // Whatever the run was, it is to be brought to its end from here on.
    this.#state.completed = null;
    this.#owed.add({kind: 'rows'});
    this.#save();
    this.#recovered();
    this.#options.onOpened?.(this.#state.opened!.url);
    for (;;) {
      try {
        return await this.#pass();
      } catch (error) {
        if (!(error instanceof Rewind)) throw error;
      }
    }
  }

  /** Resolves when nothing is under way any more; before that the run's lock is not to be given back. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#side.stop();
  }

  /** Nothing was written since the server was told the end, it still holds all of it, and nothing is owed. */
  #isComplete(): boolean {
    const {completed, rows} = this.#state;
    if (completed === null || !this.#owed.isEmpty || !this.#target.holds(this.#base + rows - 1)) return false;
    let last = -1;
    for (const {seq} of journalRecords(this.#options.folder)) last = seq;
    return last === completed;
  }

  get #base(): number {
    return this.#state.base ?? 0;
  }

  #delivered(): Delivered {
    const {rows, opened, owed} = this.#state;
    return {rows, url: opened!.url, owed: owed.filter(({kind}) => kind !== 'rows')};
  }

  /** Reads the journal from its beginning, and sends what the server does not hold. */
  async #pass(): Promise<Delivered> {
    const {folder, pictures} = this.#options;
    const [info, target, side] = [this.#info, this.#target, this.#side];
    const onTrouble = (message: string) => this.#notice('warning', message);
    const pass = new JournalPass({folder, info, base: this.#base, target, side, pictures, onTrouble});
    const ended = await this.#follow(pass);
    await this.#prove(pass);
    await this.#during(side.finish({ended: ended !== null}));
    await this.#end(pass, ended);
    this.#state.rows = pass.rows - this.#base;
    return this.#delivered();
  }

  /** Sends rows until the journal ends; gives the exit code of its end, or null. */
  async #follow(pass: JournalPass): Promise<number | null> {
    const {isLive, folder} = this.#options;
    const {postMs} = this.#connection.timing;
    const writer = await writerOf(folder);
    const from = writer === 'elsewhere' ? 0 : writer.from;
    let isCaughtUp = false;
    for (;;) {
      // An end from before this process resumed the run is none.
      const final = !isLive() || pass.end.since(from) !== null;
      if (await pass.read({final})) {
        if (pass.isFull) await this.#send(pass, null);
        continue;
      }
      if (!isCaughtUp) this.#moveBehind(pass);
      isCaughtUp = true;
      if (final) break;
      this.#side.poke();
      if (pass.waiting > 0 && this.#sender.idleMs >= postMs) await this.#send(pass, null);
      else await this.#wait();
    }
    const ended = await this.#endOf(pass);
    await this.#send(pass, ended);
    return ended;
  }

  async #send(pass: JournalPass, ended: number | null): Promise<void> {
    const rows = pass.take();
    const last = rows.at(-1);
    if (last === undefined) return;
    syncJournal(this.#options.folder);
    await this.#sender.send(rows, {summary: pass.summary, ended});
    this.#state.rows = (last.values._step as number) + 1 - this.#base;
    this.#save();
  }

  /** What a run that goes on asks for when there is nothing to send. */
  async #wait(): Promise<void> {
    const {sleep, timing} = this.#connection;
    if (this.#target.isOurs && this.#sender.idleMs >= timing.heartbeatMs) await this.#sender.heartbeat();
    else await sleep(timing.pollMs);
  }

  /** The run shows that it lives, as long as this takes. */
  async #during(work: Promise<void>): Promise<void> {
    let isDone = false;
    const done = work.finally(() => (isDone = true));
    while (!isDone) await this.#wait();
    await done;
  }

  /** The server holds rows that this journal lost, to a disk that failed: new rows go behind them. */
  #moveBehind(pass: JournalPass): void {
    const more = this.#target.beyond(pass.rows);
    if (more === 0) return;
    this.#notice('warning', `W&B holds ${more} rows more than the journal; new rows go behind them`);
    this.#state.base = this.#base + more;
    this.#save();
    throw new Rewind();
  }

  async #prove(pass: JournalPass): Promise<void> {
    await this.#target.prove(pass.rows);
    const others = this.#target.beyond(pass.rows);
    if (others > 0)
      this.#notice('warning', `W&B holds ${others} rows more than the journal: another client writes there`);
  }

  /** Tells the run's end where it is ours to tell, and which files came late. */
  async #end(pass: JournalPass, ended: number | null): Promise<void> {
    const [target, sender] = [this.#target, this.#sender];
    if (target.isOurs && ended === null) await sender.heartbeat();
    if (target.isOurs && ended !== null) {
      await sender.complete(ended, pass.summary);
      await this.#prove(pass);
      this.#state.completed = pass.last;
    }
    // Every post counts as a sign of life: it says the end again.
    if (!target.isOurs && this.#side.media.arrived.length > 0) await sender.say(await target.standing(ended));
    if (ended !== null) this.#owed.settle({kind: 'rows'});
  }

  /** The exit code that the journal's end stands for; null where the run goes on, or nobody knows. */
  async #endOf(pass: JournalPass): Promise<number | null> {
    const {folder, withoutEnd, writer} = this.#options;
    const state = pass.end.since(0);
    if (state !== null) return exitCodes[state];
    if (withoutEnd === 'leave open') return null;
    const now = await writerOf(folder);
    const isOther = writer !== undefined && now !== 'elsewhere' && now.lives && now.pid !== writer;
    return isOther ? null : exitCodes.crashed;
  }

  /** Said once for each time W&B is out of reach: a day of retries is one line. */
  #complain(reason: string): void {
    if (!this.#isComplaining)
      this.#notice('warning', `W&B does not answer (${reason}); rows wait in the journal`);
    this.#isComplaining = true;
  }

  #recovered(): void {
    if (this.#isComplaining) this.#notice('info', 'W&B answers again');
    this.#isComplaining = false;
  }

  #notice(level: 'info' | 'warning', message: string): void {
    this.#options.onNotice?.({level, message});
  }
}
