import type {Baseline, Reading, RunEvent, RunInfo} from '../types.js';

/** What a picture or a report is drawn from; a recorded run is one. */
export interface RenderedRun {
  info: RunInfo;
  /** Null until the pretrained model has been measured. */
  baseline: Baseline | null;
  /** In the order of their steps. */
  readings: readonly Reading[];
  events: readonly RunEvent[];
}
