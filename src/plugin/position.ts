import type {TrainingState} from '../checkpoints/index.js';

/** Where a training stands: optimiser steps, whole epochs, and batches of the epoch under way, counted as the loop runs. */
export class Position {
  step: number;
  epochs: number;
  batch: number;
  /** Batches an epoch; null until it is known. */
  stepsPerEpoch: number | null;

  constructor(start: Pick<TrainingState, 'step' | 'epochs' | 'batch' | 'stepsPerEpoch'>) {
    this.step = start.step;
    this.epochs = start.epochs;
    this.batch = start.batch;
    this.stepsPerEpoch = start.stepsPerEpoch;
  }

  /** Epochs done, the one under way counted in part; null inside an epoch of unknown length. */
  get epoch(): number | null {
    if (this.batch === 0) return this.epochs;
    return this.stepsPerEpoch === null ? null : this.epochs + this.batch / this.stepsPerEpoch;
  }

  /** Epochs and batches to resume from: after the last batch of an epoch, the start of the next one. */
  get next(): {epochs: number; batch: number} {
    return this.batch === this.stepsPerEpoch
      ? {epochs: this.epochs + 1, batch: 0}
      : {epochs: this.epochs, batch: this.batch};
  }

  countStep(): void {
    this.step++;
    this.batch++;
  }

  /** The first epoch to end tells how long one is, unless that is known. */
  countEpoch(): void {
    this.stepsPerEpoch ??= this.batch > 0 ? this.batch : null;
    this.epochs++;
    this.batch = 0;
  }

  /** The loop goes back to the first batch of the epoch under way. */
  restartEpoch(): void {
    this.batch = 0;
  }
}
