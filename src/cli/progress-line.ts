import type {TextStream} from '../tracker/index.js';
import {createInversionProgress, durationOf, type Progress} from '../measure/index.js';

const NAMES: Readonly<Record<Progress['phase'], string>> = {
  estimate: 'inverting',
  inversion: 'inverting',
  baseline: 'measuring the pretrained model',
  reading: 'measuring the finetuned model',
  acquired: 'inverting the finetuned model',
};

/**
 * One line of progress that is written over itself, on a terminal. Elsewhere, as in a log, a long inversion is announced and
 * each of its layers is told; nothing else. Notices are always written.
 */
export interface ProgressLine {
  show(progress: Progress): void;
  notice(message: string): void;
  /** Leaves no trace of the line. */
  end(): void;
}

export function progressLine(stream: TextStream = process.stderr): ProgressLine {
  const clear = stream.isTTY ? '\r\x1b[K' : '';
  const tell = createInversionProgress(message => stream.write(`${message}\n`));
  return {
    show(progress) {
      if (!stream.isTTY) return tell(progress);
      const {phase, done, total, secondsLeft} = progress;
      if (phase === 'estimate')
        stream.write(`${clear}${total} gradient evaluations, about ${durationOf(secondsLeft ?? 0)}\n`);
      else stream.write(clear + lineOf(progress, done, total).slice(0, (stream.columns || 80) - 1));
    },
    notice(message) {
      stream.write(`${clear}${message}\n`);
    },
    end() {
      stream.write(clear);
    },
  };
}

function lineOf({phase, layer, secondsLeft}: Progress, done: number, total: number): string {
  const left = secondsLeft === null ? '' : `, ${durationOf(secondsLeft)} left`;
  return `${NAMES[phase]} ${layer ?? ''} ${done}/${total}${left}`;
}
