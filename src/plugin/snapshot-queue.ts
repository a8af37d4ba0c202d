import type {Snapshot, Snapshots} from '../checkpoints/index.js';
import {thin} from '../measure/index.js';

/** Snapshots that wait on disk at most, each as large as the model. */
export const WAITING = 16;

/** The snapshots of a run that are still to be measured, in the order they were taken. Holds which one is in work. */
export class SnapshotQueue {
  private waiting: Snapshot[] = [];
  private inWork: Snapshot | null = null;

  /** @param most how many wait at most, besides the one in work */
  constructor(
    private readonly snapshots: Snapshots,
    private readonly most = WAITING,
  ) {}

  /**
   * Takes up what a killed process left on disk, up to the step its run goes on from; removes all else.
   * @param past null for a fresh run; `recorded` are the steps that have their reading already
   */
  async restore(past: {step: number; recorded: ReadonlySet<number>} | null): Promise<void> {
    if (past === null) await this.snapshots.clear();
    else
      for (const snapshot of await this.snapshots.list()) {
        const {step} = snapshot.moment;
        if (step <= past.step && !past.recorded.has(step)) this.waiting.push(snapshot);
        else await this.snapshots.remove(snapshot);
      }
  }

  /** Returns the steps that are given up for it, so that those left still cover the run evenly. */
  async add(snapshot: Snapshot): Promise<number[]> {
    this.waiting.push(snapshot);
    const steps = this.waiting.map(({moment}) => moment.step);
    const given = thin(steps, this.most);
    const dropped = this.waiting.filter(({moment}) => given.includes(moment.step));
    this.waiting = this.waiting.filter(each => !dropped.includes(each));
    for (const each of dropped) await this.snapshots.remove(each);
    return given;
  }

  /** The next one to be measured, which is in work until it is done; null where none waits. */
  next(): Snapshot | null {
    return (this.inWork = this.waiting.shift() ?? null);
  }

  /** Steps that have no reading yet, the one in work first. */
  steps(): number[] {
    return this.all().map(({moment}) => moment.step);
  }

  find(step: number): Snapshot | undefined {
    return this.all().find(({moment}) => moment.step === step);
  }

  private all(): Snapshot[] {
    return [...(this.inWork === null ? [] : [this.inWork]), ...this.waiting];
  }
}
