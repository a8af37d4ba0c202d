import {setTimeout as sleep} from 'node:timers/promises';
import {messageOf} from '../errors.js';
import type {MeasuredCheckpoints} from './measured-checkpoints.js';
import {WATCH_DEFAULTS, type WatchOptions} from './options.js';
import type {Queue} from './queue.js';
import {createScanner, type Scan, type Stepped} from './scan.js';
import {endAnnounced, lastStepReached} from './training-ended.js';
import type {WatchNotices} from './watch-notices.js';

/** Milliseconds a checkpoint that is still being written gets after the end was seen. */
const GRACE = {final: 90_000, marker: 90_000, idle: 90_000, once: 3_000};

/** Milliseconds after which a checkpoint that cannot be read yet is said to wait, with the reason. */
const PATIENCE = 60_000;

/** What a watch ends with that was stopped. */
export const INTERRUPTED = 'interrupted';

type LookoutOptions = Pick<WatchOptions, 'folder' | 'until' | 'idle' | 'pid' | 'poll' | 'held' | 'every'>;

/**
 * Looks into a training's folder and queues the checkpoints that come. Holds when the last one came and when the
 * training was seen to end, how many there were, and which were skipped because only every so many is measured.
 */
export class Lookout {
  /** Whether any checkpoint was ever there. */
  sawCheckpoints = false;
  private readonly scan: () => Promise<Scan>;
  private readonly skipped = new Set<string>();
  private readonly waitingSince = new Map<string, number>();
  private count = 0;
  private lastChange: number;
  private endSeen: number | null = null;

  /** @param parts.now Unix milliseconds */
  constructor(
    private readonly options: LookoutOptions,
    private readonly parts: {
      checkpoints: MeasuredCheckpoints;
      queue: Queue;
      notices: WatchNotices;
      now: () => number;
    },
  ) {
    this.scan = createScanner(options.folder, parts.checkpoints);
    this.lastChange = parts.now();
  }

  /** Looks until something ends the watch, and says what it was. */
  async untilEnd(signal: AbortSignal): Promise<string> {
    const {poll = WATCH_DEFAULTS.poll} = this.options;
    for (;;) {
      const ended = await this.look(signal);
      if (ended !== null) return ended;
      await sleep(poll * 1000, undefined, {signal}).catch(() => {});
    }
  }

  /** Looks once. Returns what ends the watch, or null while it goes on. */
  async look(signal: AbortSignal): Promise<string | null> {
    const announced = endAnnounced({...this.options, until: this.until});
    const seen = await this.scan();
    await this.take(seen);
    this.tellOfWaiting(seen);
    return signal.aborted ? INTERRUPTED : this.endOf(seen, announced);
  }

  private get until(): keyof typeof GRACE {
    return this.options.until ?? WATCH_DEFAULTS.until;
  }

  private async take({fresh, passedOver, pickled, newest}: Scan): Promise<void> {
    const {checkpoints, queue, notices} = this.parts;
    const {every = 1} = this.options;
    this.sawCheckpoints ||= newest !== undefined;
    for (const {checkpoint, reason} of passedOver) {
      notices.raise('info', 'passed_over', `${checkpoint.path} is passed over: ${reason}`);
      await queue.remove(checkpoint.path);
      checkpoints.done(checkpoint);
    }
    notices.failPickled(pickled);
    for (const found of fresh) {
      if (this.count++ % every === 0) await this.accept(found);
      else this.skipped.add(found.path);
    }
    if (fresh.length > 0) this.lastChange = this.parts.now();
    await this.limitHeld();
  }

  /** Whoever could mend it hears of it while training goes on. */
  private tellOfWaiting({unfinished}: Scan): void {
    const {notices, now} = this.parts;
    const paths = new Set(unfinished.map(({path}) => path));
    for (const path of this.waitingSince.keys()) if (!paths.has(path)) this.waitingSince.delete(path);
    for (const {path, waiting} of unfinished) {
      const since = this.waitingSince.get(path) ?? now();
      this.waitingSince.set(path, since);
      if (now() - since <= PATIENCE) continue;
      notices.raise('warning', 'checkpoint_waits', `${path} waits: ${waiting ?? 'it is not complete'}`);
      // Once, though the reason may tell of milliseconds.
      this.waitingSince.set(path, Infinity);
    }
  }

  private async accept(found: Stepped): Promise<void> {
    const {checkpoints, queue, notices} = this.parts;
    if (checkpoints.isDone(found)) return;
    await queue.add(found).catch((error: unknown) => notices.fail(found.path, messageOf(error)));
  }

  private async limitHeld(): Promise<void> {
    const {held = WATCH_DEFAULTS.held} = this.options;
    const dropped = await this.parts.queue.limit(held);
    if (dropped.length > 0)
      this.parts.notices.raise(
        'warning',
        'queue_full',
        `more than ${(held / 2 ** 30).toPrecision(2)} GiB of deleted checkpoints wait to be measured: ` +
          `step ${dropped.join(', ')} will have no reading`,
      );
  }

  private async endOf({newest, unfinished}: Scan, announced: string | null): Promise<string | null> {
    const {idle = WATCH_DEFAULTS.idle} = this.options;
    const {queue, notices, now} = this.parts;
    const reached = this.until === 'final' && newest !== undefined ? await lastStepReached(newest) : null;
    const over = announced ?? reached;
    this.endSeen = over === null ? null : (this.endSeen ?? now());
    const isOver =
      this.endSeen !== null && (unfinished.length === 0 || now() - this.endSeen > GRACE[this.until]);
    const isIdle = idle > 0 && queue.isEmpty() && now() - this.lastChange > idle * 60_000;
    if (!isOver && !isIdle) return null;
    // The last one is always measured.
    if (newest !== undefined && this.skipped.has(newest.path)) await this.accept(newest);
    for (const {path, waiting} of unfinished) notices.fail(path, waiting ?? 'it was never completed');
    return over ?? `no new checkpoint for ${idle} minutes`;
  }
}
