import type {DemoProgress} from './run-demo.js';

/** How far the demo is, in a line. */
export function progressText(progress: DemoProgress): string {
  if (progress.phase === 'drawing') return 'drawing the picture';
  const what = `learning to tell ${progress.task}s apart`;
  if (progress.phase === 'measuring') return `${what}: trained; waiting for the readings`;
  const {step, steps, loss} = progress;
  return `${what}: step ${step} of ${steps}, loss ${loss.toFixed(3)}`;
}
