import {HALF_SAMPLES, packHalves} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import type {RenderedRun} from '../../src/render/index.js';
import type {Baseline, Matrix} from '../../src/types.js';

/** Similarities do not pass 1, so halves are made this much lower; differences do not see it. */
const BELOW = 0.2;

/**
 * A run with half-samples as measured ones have: those of all readings and runs go up and down together by `common`, for they
 * are of the same images, and by `own` each for itself.
 */
export function withHalves<Run extends RenderedRun & {baseline: Baseline}>(
  run: Run,
  {common = 0.05, own = 0.005, seed = 1} = {},
): Run {
  const images = seededRandom(0);
  const shared = Float64Array.from({length: HALF_SAMPLES}, () => common * images.normal());
  const random = seededRandom(seed);
  const halvesOf = (matrix: Matrix) =>
    packHalves(matrix.map((row, i) => shared.map(shift => row[i]! - BELOW + shift + own * random.normal())));
  const {ceiling, floor} = run.baseline;
  const halves = {ceiling: halvesOf(ceiling.unbiased), floor: halvesOf(floor.unbiased)};
  const baseline: Baseline = {...run.baseline, halves};
  return {
    ...run,
    baseline,
    events: run.events.map(event => (event.type === 'baseline' ? {...event, baseline} : event)),
    readings: run.readings.map(reading => ({...reading, halves: halvesOf(reading.retention.unbiased)})),
  };
}
