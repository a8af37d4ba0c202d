import type {LayerName} from '../types.js';
import {durationOf} from './duration.js';
import type {Notices} from './notices.js';
import type {OnProgress} from './progress.js';

/** Seconds of inversion that are worth a word to somebody who waits. */
const WORTH_A_WORD = 10;

/** Tells on the run's record how long the inversion takes, and when each layer is done. */
export function createInversionProgress(notices: Notices): OnProgress {
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
      if (isLong) notices.raise('info', 'inversion', message, {aloud: true});
      return;
    }
    if (isLong && inWork !== null && (layer !== inWork || done === total)) {
      const left = done === total ? '' : `; about ${durationOf(seconds)} left`;
      notices.raise('info', 'inversion', `${inWork} is inverted${left}`);
    }
    inWork = layer;
  };
}
