import type {TextStream} from '../../tracker/index.js';
import type {DemoProgress} from './run-demo.js';

/** One line that is written over itself on a terminal; nothing elsewhere. */
export interface StatusLine {
  show(progress: DemoProgress): void;
  /** Leaves no trace of the line. */
  end(): void;
}

export function statusLine(stream: TextStream = process.stderr): StatusLine {
  const write = (text: string) => {
    if (stream.isTTY) stream.write(`\r\x1b[K${text.slice(0, (stream.columns ?? 80) - 1)}`);
  };
  return {show: progress => write(textOf(progress)), end: () => write('')};
}

function textOf(progress: DemoProgress): string {
  if (progress.phase === 'drawing') return 'drawing the picture';
  const what = `learning to tell ${progress.task}s apart`;
  if (progress.phase === 'measuring') return `${what}: trained; waiting for the readings`;
  const {step, steps, loss} = progress;
  return `${what}: step ${step} of ${steps}, loss ${loss.toFixed(3)}`;
}
