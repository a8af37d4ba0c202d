import {createInversionProgress, type Progress} from '../measure/index.js';
import {durationOf, liveLine, type TextStream} from '../terminal/index.js';

const NAMES: Readonly<Record<Exclude<Progress['phase'], 'estimate'>, string>> = {
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
  const {draw, say, clear} = liveLine(stream);
  const tell = createInversionProgress(say);
  return {
    show(progress) {
      const {phase, layer, done, total, secondsLeft} = progress;
      if (!stream.isTTY) tell(progress);
      else if (phase === 'estimate')
        say(`${total} gradient evaluations, about ${durationOf(secondsLeft ?? 0)}`);
      else {
        const left = secondsLeft === null ? '' : `, ${durationOf(secondsLeft)} left`;
        draw(`${NAMES[phase]} ${layer ?? ''} ${done}/${total}${left}`);
      }
    },
    notice: say,
    end: clear,
  };
}
