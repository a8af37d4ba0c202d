import {messageOf} from '../errors.js';
import {JournalTail, type Journal, type JournalRecord, type NewRecord} from '../journal/index.js';
import type {Tracker} from './contract.js';
import type {Reading, RunEvent, RunInfo, RunState} from '../types.js';
import type {Notice} from './notices.js';

/** Hands every record to the journal, then to the other trackers, each at its own pace. */
export interface Dispatcher {
  start(run: RunInfo, options: {resumed: boolean}): Promise<void>;
  /** On the disk when it returns; on its way to the other trackers. */
  event(event: RunEvent): void;
  reading(reading: Reading): void;
  /**
   * Waits for the trackers, up to `patience` milliseconds for all of them together, of which 5 s are left when the
   * process is going down; then closes the journal.
   */
  finish(state: Exclude<RunState, 'running'>): Promise<void>;
}

/** Records that wait in memory for one slow tracker; what comes after is read back from the journal. */
const WAITING = 512;

/** Milliseconds for the trackers when a run ends because its process does. */
const GOING_DOWN = 5000;

/** One tracker's place in the stream of records. */
interface Feed {
  tracker: Tracker;
  waiting: JournalRecord[];
  /** From this record on, the tracker's records are in the journal only; null while all that wait are in memory. */
  behind: number | null;
  /** The journal, as far as it was read for what is behind. */
  tail: JournalTail | null;
  working: Promise<void> | null;
}

/**
 * A tracker that throws loses that one call, and its fault becomes a notice in the journal and to the others. A tracker
 * that hangs holds up nobody.
 */
export function createDispatcher({
  journal,
  trackers,
  patience,
  now,
  waiting: most = WAITING,
}: {
  journal: Journal;
  trackers: readonly Tracker[];
  patience: number;
  now: () => number;
  waiting?: number;
}): Dispatcher {
  const feeds: Feed[] = trackers.map(tracker => ({
    tracker,
    waiting: [],
    behind: null,
    tail: null,
    working: null,
  }));
  const faults = new Set<string>();

  function record(entry: NewRecord): void {
    const seq = journal.next();
    if (entry.kind === 'event') journal.event(entry.event);
    else journal.reading(entry.reading);
    for (const feed of feeds) {
      if (feed.behind === null && feed.waiting.length < most) feed.waiting.push({seq, ...entry});
      else feed.behind ??= seq;
      feed.working ??= work(feed);
    }
  }

  async function work(feed: Feed): Promise<void> {
    for (;;) {
      const next = feed.waiting.shift();
      if (next !== undefined) {
        await tell(feed.tracker, () =>
          next.kind === 'event' ? feed.tracker.event(next.event) : feed.tracker.reading(next.reading),
        );
      } else if (feed.behind !== null) {
        catchUp(feed, feed.behind);
      } else {
        feed.working = null;
        return;
      }
    }
  }

  function catchUp(feed: Feed, from: number): void {
    const page: JournalRecord[] = [];
    let reached = from;
    try {
      const tail = (feed.tail ??= new JournalTail(journal.folder));
      while (page.length < most) {
        const record = tail.next({final: true});
        if (record === null) break;
        if (record.seq < from) continue;
        reached = record.seq + 1;
        // The end is told by `finish`.
        if (record.kind === 'reading' || record.event.type !== 'ended') page.push(record);
      }
    } catch {
      // What could be read goes on its way; the rest is said below, or tried again.
    }
    feed.waiting.push(...page);
    const isStuck = reached === from;
    feed.behind = !isStuck && reached < journal.next() ? reached : null;
    if (feed.behind === null) feed.tail = null;
    if (isStuck) blame(feed.tracker, new Error('records the journal could not give back were skipped'));
  }

  async function tell(tracker: Tracker, call: () => void | Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      blame(tracker, error);
    }
  }

  /** Once a tracker and message: a server that is down for a day is one line, not one a record. */
  function blame(tracker: Tracker, error: unknown): void {
    const message = `tracker ${tracker.name}: ${messageOf(error)}`;
    if (faults.has(message)) return;
    faults.add(message);
    const notice: Notice = {type: 'notice', time: now(), level: 'warning', code: 'tracker_failed', message};
    journal.event(notice);
    for (const feed of feeds) {
      if (feed.tracker !== tracker && feed.behind === null) {
        feed.waiting.push({seq: journal.next() - 1, kind: 'event', event: notice});
        feed.working ??= work(feed);
      }
    }
  }

  return {
    async start(run, options) {
      const told = {...options, folder: journal.folder};
      await journal.start(run, told);
      for (const feed of feeds) {
        feed.working = tell(feed.tracker, () => feed.tracker.start(run, told)).then(() => work(feed));
      }
    },
    event: event => record({kind: 'event', event}),
    reading: reading => record({kind: 'reading', reading}),
    async finish(state) {
      // The end is on disk before any tracker hears of it: W&B's uploader reads it there.
      journal.event({type: 'ended', time: now(), state});
      const limit = state === 'finished' ? patience : Math.min(patience, GOING_DOWN);
      const timer = new AbortController();
      const late = new Promise<'late'>(resolve => {
        const timeout = setTimeout(() => resolve('late'), limit);
        timer.signal.addEventListener('abort', () => clearTimeout(timeout));
      });
      await Promise.all(
        feeds.map(async feed => {
          const ended = (async () => {
            while (feed.working !== null) await feed.working;
            await tell(feed.tracker, () => feed.tracker.finish(state));
          })();
          if ((await Promise.race([ended, late])) === 'late') {
            blame(
              feed.tracker,
              new Error(`did not finish within ${limit / 1000} s; the journal holds every record`),
            );
          }
        }),
      );
      timer.abort();
      journal.finish(state);
    },
  };
}
