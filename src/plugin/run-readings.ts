import {InvarianceError} from '../errors.js';
import {createInversionProgress} from '../measure/index.js';
import {durationOf} from '../terminal/index.js';
import type {Dispatcher, Notices} from '../tracker/index.js';
import type {Baseline, Moment, Reading} from '../types.js';
import type {Budget} from './budget.js';
import type {ReadingSource} from './reading-source.js';

/** What takes readings, and what is told of them. */
export interface ReadingParts {
  source: ReadingSource;
  dispatcher: Pick<Dispatcher, 'event' | 'reading'>;
  notices: Notices;
  budget: Budget;
  /** Monotonic and Unix milliseconds. */
  clock: () => number;
  now: () => number;
}

/**
 * The readings of one run: taken one a step at most, recorded whenever they come in, and charged to the budget. Holds
 * the baseline, how many readings there are, and what failed while nobody was waiting.
 */
export class RunReadings {
  baseline: Baseline | null = null;
  /** Readings on record. */
  count: number;
  /** Of a strict run: what the next call is to throw. */
  private fault: InvarianceError | null = null;
  private taken = -1;

  /**
   * @param options.recorded steps of the readings that are on record already
   * @param options.strict what fails in the source is thrown at the next occasion
   * @param options.resumable there are checkpoints to go on from
   * @param options.onReading told of each reading after it was recorded
   * @param options.onDiverged told where the weights of a step are not finite
   */
  constructor(
    private readonly parts: ReadingParts,
    private readonly options: {
      recorded: readonly number[];
      strict: boolean;
      resumable: boolean;
      onReading: (reading: Reading, baseline: Baseline | null) => void;
      onDiverged: (step: number, why: string) => void;
    },
  ) {
    this.count = options.recorded.length;
  }

  /** Starts the source, or has it go on with what a killed process left. */
  async begin(): Promise<void> {
    const {source, dispatcher, notices, now} = this.parts;
    await source.begin({
      baseline: baseline => {
        this.baseline = baseline;
        dispatcher.event({type: 'baseline', time: now(), baseline});
      },
      reading: (reading, {child}) => this.receive(reading, child),
      notice: (level, code, message) => {
        notices.raise(level, code, message);
        if (this.options.strict && level === 'error')
          this.fault = new InvarianceError('engine_failed', message);
      },
      diverged: this.options.onDiverged,
      progress: createInversionProgress((message, options) =>
        notices.raise('info', 'inversion', message, options),
      ),
    });
    this.taken = Math.max(-1, ...this.options.recorded, ...source.waiting());
  }

  /** Takes one of the model as it is now, unless this step has one; whether it was taken. */
  async take(moment: Moment, {acquire}: {acquire: boolean}): Promise<boolean> {
    const {source, notices, budget, clock} = this.parts;
    if (this.taken === moment.step) return false;
    const start = clock();
    const isTaken = await notices.guard('reading_failed', async () => {
      await source.take(moment, {acquire});
      this.taken = moment.step;
      // That of step 0 is taken before training, whenever it comes in.
      if (moment.step > 0) budget.taken();
      return true;
    });
    budget.blocked(clock() - start);
    return isTaken ?? false;
  }

  /** How many were taken and are still to be measured. */
  get waiting(): number {
    return this.parts.source.waiting().length;
  }

  /** How many of those are on the budget's account. */
  get owed(): number {
    return this.parts.source.waiting().filter(step => step > 0).length;
  }

  /** Waits for those that wait, saying so. */
  async drain(): Promise<void> {
    const {waiting} = this;
    if (waiting > 0) {
      const readings = waiting === 1 ? '1 reading is' : `${waiting} readings are`;
      const {cost} = this.parts.source;
      const left = cost && this.baseline ? `, about ${durationOf((waiting * cost.each) / 1000)}` : '';
      const later = this.options.resumable
        ? ". Ctrl-C ends the run without them: they wait on disk, and a run with resume: 'auto' measures them"
        : '';
      const message = `training is over; ${readings} still being measured${left}${later}`;
      this.parts.notices.raise('info', 'draining', message, {aloud: true});
    }
    await this.parts.source.drain();
    this.throwFault();
  }

  /** @throws InvarianceError in strict mode, what failed while nobody was waiting */
  throwFault(): void {
    if (this.fault !== null) throw this.fault;
  }

  private receive(reading: Reading, child: number): void {
    const {dispatcher, budget} = this.parts;
    this.count++;
    dispatcher.reading(reading);
    if (child > 0 && reading.step > 0) budget.measured(child);
    this.options.onReading(reading, this.baseline);
  }
}
