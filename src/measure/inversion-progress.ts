import {durationOf} from '../terminal/index.js';
import type {LayerName} from '../types.js';
import type {OnProgress} from './progress.js';

/** Inversions that take at least this many seconds are announced. */
const WORTH_A_WORD = 10;

/** Announces how long the inversion will take, and reports each layer that is done. */
export function createInversionProgress(
  tell: (message: string, options: {aloud: boolean}) => void,
): OnProgress {
  let inWork: LayerName | null = null;
  let isLong = false;
  return ({phase, layer, done, total, secondsLeft}) => {
    if (phase !== 'estimate' && phase !== 'inversion') return;
    const seconds = secondsLeft ?? 0;
    if (phase === 'estimate') {
      isLong = seconds >= WORTH_A_WORD;
      const message =
        `the pretrained layers are inverted now, once for this model and these probes: ${total} gradient evaluations, ` +
        `about ${durationOf(seconds)}; readings come in after that`;
      if (isLong) tell(message, {aloud: true});
      return;
    }
    if (isLong && inWork !== null && (layer !== inWork || done === total)) {
      const left = done === total ? '' : `; about ${durationOf(seconds)} left`;
      tell(`${inWork} is inverted${left}`, {aloud: false});
    }
    inWork = layer;
  };
}
