import type {RunEvent} from './types.js';

/** Code of the notice that says so, with the step. */
export const DIVERGED = 'diverged';

/** From which step on a training is known to have diverged, and how that was seen. */
export interface Divergence {
  step: number;
  message: string;
}

/** Null where no record says that the training diverged. */
export function divergenceOf(events: readonly RunEvent[]): Divergence | null {
  for (const event of events)
    if (event.type === 'notice' && event.code === DIVERGED && event.step !== undefined)
      return {step: event.step, message: event.message};
  return null;
}

/** The loss among logged values that is no number any more, in words: "loss is NaN"; null while all are. */
export function brokenLoss(values: Readonly<Record<string, number>>): string | null {
  const name = Object.keys(values).find(key => /loss/i.test(key) && !Number.isFinite(values[key]));
  return name === undefined ? null : `${name} is ${values[name]}`;
}

/** "finished, diverged from step 130". */
export function stateWords(state: string, diverged: Divergence | null): string {
  return diverged === null ? state : `${state}, diverged from step ${diverged.step}`;
}
