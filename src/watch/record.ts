import type {RecordedRun} from '../journal/index.js';
import type {TrainerState} from '../models/index.js';
import type {Dispatcher} from '../tracker/index.js';
import type {Baseline, Reading, RunEvent, RunInfo} from '../types.js';
import {departure, logOf} from './history.js';
import type {MeasuredCheckpoints} from './measured-checkpoints.js';

type Untimed<Event = RunEvent> = Event extends RunEvent ? Omit<Event, 'time'> : never;

/** The run of a watched folder, open to be written. Holds what of its readings and logs is in force. */
export class WatchRecord {
  /** Of the run. */
  readonly folder: string;
  readonly info: RunInfo;
  /** Takes checkpoints while they wait; empty at first. */
  readonly held: string;
  /** Which checkpoints are done. */
  readonly checkpoints: MeasuredCheckpoints;
  readonly hasBaseline: boolean;
  private readonly watched: string;
  private readonly dispatcher: Dispatcher;
  private inForce: ReturnType<typeof known>;

  /**
   * @param parts.watched the training's folder
   * @param parts.before what is on record already; null for a new run
   */
  constructor({
    before,
    ...parts
  }: Pick<WatchRecord, 'folder' | 'info' | 'held' | 'checkpoints'> & {
    watched: string;
    dispatcher: Dispatcher;
    before: RecordedRun | null;
  }) {
    this.folder = parts.folder;
    this.info = parts.info;
    this.held = parts.held;
    this.checkpoints = parts.checkpoints;
    this.watched = parts.watched;
    this.dispatcher = parts.dispatcher;
    this.hasBaseline = before?.baseline != null;
    this.inForce = known(before);
    const {steps, logged} = this.inForce;
    if (before !== null) this.emit({type: 'resumed', step: Math.max(0, ...steps, ...logged.keys())});
  }

  /** Steps that have a reading, that of the pretrained model among them. */
  get steps(): ReadonlySet<number> {
    return this.inForce.steps;
  }

  /** Whether a reading of the run reports its convergence; one is enough. */
  hasConvergence(): boolean {
    return this.inForce.convergence.size > 0;
  }

  baseline(baseline: Baseline): void {
    this.emit({type: 'baseline', baseline});
  }

  reading(reading: Reading): void {
    const {steps, convergence, newest} = this.inForce;
    this.dispatcher.reading(reading);
    steps.add(reading.step);
    if (reading.convergence !== undefined) convergence.add(reading.step);
    if (reading.step > 0) this.inForce.newest = Math.max(newest, reading.time);
  }

  notice(level: 'info' | 'warning', code: string, message: string): void {
    this.emit({type: 'notice', level, code, message});
  }

  /**
   * Records what the training logged and is not on record. Where a newer training contradicts the record, what that
   * holds from there on is superseded.
   * @param mtime of the checkpoint, Unix milliseconds
   */
  log({history}: TrainerState, mtime: number): void {
    const from = departure(this.inForce.logged, history);
    if (from !== null) {
      if (mtime < this.inForce.newest) return;
      this.notice(
        'info',
        'trained_again',
        `another training writes into ${this.watched}: what is on record from step ${from} on is superseded`,
      );
      this.supersede(Math.max(0, from - 1));
    }
    const {logged} = this.inForce;
    const last = Math.max(-1, ...logged.keys());
    const rows = history.filter(({step}) => step > last);
    for (const row of rows) this.emit({type: 'logged', ...row});
    this.inForce.logged = new Map([...logged, ...logOf(rows)]);
  }

  finish(state: 'finished' | 'crashed' | 'killed'): Promise<void> {
    return this.dispatcher.finish(state);
  }

  private supersede(after: number): void {
    this.emit({type: 'resumed', step: after});
    const {steps, logged, convergence, newest} = this.inForce;
    this.inForce = {
      steps: new Set([...steps].filter(step => step <= after)),
      logged: new Map([...logged].filter(([step]) => step <= after)),
      convergence: new Set([...convergence].filter(step => step <= after)),
      newest,
    };
  }

  private emit(event: Untimed): void {
    this.dispatcher.event({...event, time: Date.now()});
  }
}

function known(run: RecordedRun | null) {
  const readings = run?.readings ?? [];
  const rows = (run?.events ?? []).flatMap(event => (event.type === 'logged' ? [event] : []));
  return {
    steps: new Set(readings.map(({step}) => step)),
    logged: logOf(rows),
    convergence: new Set(readings.flatMap(({step, convergence}) => (convergence ? [step] : []))),
    /** When the newest checkpoint of all measured ones was written. */
    newest: readings.reduce((newest, {step, time}) => (step > 0 ? Math.max(newest, time) : newest), 0),
  };
}
