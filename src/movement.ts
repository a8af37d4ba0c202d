import {listed} from './listed.js';
import type {Baseline, LayerName, Reading} from './types.js';

/** What the gains and losses of a reading say of each pretrained layer's invariances. */
export interface Movement {
  /** The interval of the gain excludes 0: where they arrived, and by how much R rose there; the largest rise first. */
  moved: {from: LayerName; to: LayerName; rise: number}[];
  /** The interval of the loss excludes 0, that of the gain does not. */
  lost: LayerName[];
  /** Neither interval excludes 0. */
  unmoved: LayerName[];
  /** Withheld, or without an interval. */
  unknown: LayerName[];
}

/** Null of runs that were recorded before gains and losses were. */
export function movementOf(baseline: Baseline, reading: Reading): Movement | null {
  const {layers, retention, gain, loss, arrival} = reading;
  if (!gain || !loss || !arrival) return null;
  const low = (scores: typeof gain, i: number) => {
    const score = scores[i]!;
    return score.status === 'scored' ? score.low : null;
  };
  const movement: Movement = {moved: [], lost: [], unmoved: [], unknown: []};
  layers.forEach((layer, i) => {
    const [gained, lost, to] = [low(gain, i), low(loss, i), arrival[i]!];
    if (gained === null || lost === null) movement.unknown.push(layer);
    else if (gained > 0 && to !== null) {
      const rise = retention.unbiased[i]![to]! - baseline.ceiling.unbiased[i]![to]!;
      movement.moved.push({from: layer, to: layers[to]!, rise});
    } else (lost > 0 ? movement.lost : movement.unmoved).push(layer);
  });
  movement.moved.sort((a, b) => b.rise - a.rise);
  return movement;
}

/** So many moves are told one by one. */
const MAX_MOVES = 4;

/** "Moved" is said only where the interval of a gain excludes 0; a shifted centre of mass is no move. */
export function movementSentences(baseline: Baseline, reading: Reading): string[] {
  const movement = movementOf(baseline, reading);
  if (movement === null)
    return ['Whether invariances moved is not known: this record holds no gains and losses.'];
  const {layers} = reading;
  const {moved, lost, unmoved, unknown} = movement;
  const told = moved
    .slice(0, MAX_MOVES)
    .map(({from, to, rise}) => `those of ${from} in ${to} (R there +${rise.toFixed(3)})`);
  const rest = moved.length - told.length;
  return [
    ...(moved.length
      ? [
          `Moved: invariances arrived elsewhere, ${told.join(', ')}${rest > 0 ? `, and of ${rest} more layers less` : ''}.`,
        ]
      : []),
    ...(lost.length
      ? [`Lost, and not found to have arrived in another block: ${listed(lost, layers)}.`]
      : []),
    ...(unmoved.length
      ? [`No block gained or lost more than the noise of the probes in: ${listed(unmoved, layers)}.`]
      : []),
    ...(unknown.length ? [`Gain and loss are not known of ${listed(unknown, layers)}.`] : []),
  ];
}

/** The paper's compression in words, with what it cannot tell; none where it is not known. */
export function compressionSentences({compression: {mean}}: Reading): string[] {
  if (mean === null) return [];
  const share = `${(100 * Math.abs(mean)).toFixed(1)} %`;
  const where =
    Math.abs(mean) < 5e-4
      ? 'where it was'
      : `${share} of the depth ${mean > 0 ? 'shallower' : 'deeper'} than before`;
  return [
    `Compression: the centre of mass of the deeper blocks' invariances lies ${where}; forgetting shifts it as well as moving.`,
  ];
}
