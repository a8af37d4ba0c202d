import type {Baseline, Reading, RunEvent, RunInfo, RunState} from '../types.js';

/** What a picture or a report is drawn from; a recorded run is one. */
export interface RenderedRun {
  /** What the run was made with. */
  info: RunInfo;
  /** Null until the pretrained model has been measured. */
  baseline: Baseline | null;
  /** In the order of their steps. */
  readings: readonly Reading[];
  /** In the order they happened. */
  events: readonly RunEvent[];
  /** How it stands, as `readRun` and `list` say it. */
  state: RunState;
  /** Name of the model measured, where no one knows at what step of which run: words and titles then claim none. */
  subject?: string;
}

/** What a reading is called in words, alone and in a sentence: "step 400", "at step 400", or the model measured. */
export function wordsOf({subject}: RenderedRun, {step}: Reading): {moment: string; where: string} {
  return subject === undefined
    ? {moment: `step ${step}`, where: `at step ${step}`}
    : {moment: subject, where: `in ${subject}`};
}
