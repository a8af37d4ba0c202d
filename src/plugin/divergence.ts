import {brokenLoss, DIVERGED} from '../divergence.js';
import type {Notices} from '../tracker/index.js';

/** Whether the training that is monitored has diverged. Holds since when, and how it stands now. */
export class TrainingDivergence {
  /** The first step that it was seen at; null while it was not. */
  step: number | null = null;
  /** The newest loss, or the newest weights that were read, are no numbers: such a model is not worth keeping. */
  isBroken = false;

  constructor(private readonly notices: Notices) {}

  /** The training has logged values at a step. */
  logged(step: number, values: Readonly<Record<string, number>>): void {
    const broken = brokenLoss(values);
    if (broken !== null) this.seen(step, broken);
    else if (Object.keys(values).some(name => /loss/i.test(name))) this.isBroken = false;
  }

  seen(step: number, why: string): void {
    this.isBroken = true;
    if (this.step !== null && this.step <= step) return;
    this.step = step;
    this.notices.raise(
      'error',
      DIVERGED,
      `the training has diverged by step ${step}: ${why}; what is read and logged from there on says nothing of a finetune, ` +
        'and no checkpoint is written while it is so. Lower the learning rate or clip gradients, and resume from a checkpoint',
      {step},
    );
  }
}
