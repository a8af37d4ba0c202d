import type {LayerName} from '../types.js';

/** How far a measurement is. */
export interface Progress {
  /**
   * `estimate` once, before inversions that are not in the cache; then `inversion` after each gradient evaluation;
   * `baseline`, `reading` and `acquired` after each layer.
   */
  phase: 'estimate' | 'inversion' | 'baseline' | 'reading' | 'acquired';
  /** The layer in work; null for the estimate. */
  layer: LayerName | null;
  /** Gradient evaluations (of layers still to be inverted, for `estimate` and `inversion`) or layers, done and in all. */
  done: number;
  total: number;
  /** Seconds until this phase is over; null where unknown. */
  secondsLeft: number | null;
}

export type OnProgress = (progress: Progress) => void;
