import type {Estimates, Gate, Score} from '../types.js';
import {notConverged} from './gate.js';
import {differenceOfHalves, quantile, type Halves} from './halves.js';
import {difference} from './retention.js';
import {withheld} from './similarity.js';

/** What of each layer's invariances other blocks gained and lost. */
export interface Migration {
  /** G_t(i), one a layer. */
  gain: Score[];
  /** L_t(i), one a layer. */
  loss: Score[];
  /** The block (an index into the layers) of the largest sure gain; null where no gain is sure. */
  arrival: (number | null)[];
}

/**
 * Gain and loss of each pretrained layer i over the block columns j: G_t(i) = mean of max(R_t[i, j] − W0[i, j], 0) and
 * L_t(i) = mean of max(W0[i, j] − R_t[i, j], 0), unbiased. Unlike the centre of mass they tell what arrived somewhere from
 * what was only lost: an invariance has moved only where the interval of the gain excludes 0. [ours]
 *
 * The intervals rest on simultaneous 95 % intervals of the differences of a row, R − W0 ± c·sd, sd over half-samples of the
 * probes drawn in pairs and c the 95 % quantile over them of the largest |deviation| / sd among the row's blocks. A mean of
 * positive parts is above 0 by noise alone; its lower end here is above 0 only where some block's difference surely is.
 *
 * Withheld where the inversion of layer i did not converge, or an entry of its row is missing.
 *
 * @param options
 * @param options.retention R_t, layers × layers.
 * @param options.ceiling W0, layers × layers.
 * @param options.halves of R_t and W0 on the same half-samples: [i][k] for layer i and the k-th block. Null for no intervals.
 * @param options.blocks indices of the residual-stream blocks among the layers, shallow to deep.
 * @param options.gates one a layer, of the inverted images in use.
 * @example
 * import {migration, type Estimates, type Gate} from 'wandb-invariance/metrics';
 *
 * declare const retention: Estimates, ceiling: Estimates, gates: Gate[]; // of 12 blocks and the norm behind them
 * const blocks = Array.from({length: 12}, (_, i) => i);
 * const {gain, loss} = migration({retention, ceiling, halves: null, blocks, gates});
 */
export function migration({
  retention,
  ceiling,
  halves,
  blocks,
  gates,
}: {
  retention: Estimates;
  ceiling: Estimates;
  halves: {retention: readonly (readonly Halves[])[]; ceiling: readonly (readonly Halves[])[]} | null;
  blocks: readonly number[];
  gates: readonly Gate[];
}): Migration {
  const rows = difference(retention.unbiased, ceiling.unbiased).map((row, i) => {
    if (!gates[i]!.passed) return none(notConverged(gates[i]!));
    if (blocks.length === 0) return none('no residual-stream block is measured');
    const changes = blocks.map(j => row[j]!);
    if (!changes.every(change => change !== null)) return none('a layer is constant or not finite');
    const bounds = halves && simultaneous(changes, halves.retention[i]!, halves.ceiling[i]!);
    const sure = changes.map((change, k) => (bounds !== null && bounds[k]!.low > 0 ? change : 0));
    const best = sure.indexOf(Math.max(...sure));
    return {
      gain: scoreOf(changes, bounds, 1),
      loss: scoreOf(changes, bounds, -1),
      arrival: sure[best]! > 0 ? blocks[best]! : null,
    };
  });
  return {
    gain: rows.map(({gain}) => gain),
    loss: rows.map(({loss}) => loss),
    arrival: rows.map(({arrival}) => arrival),
  };
}

function none(reason: string): {gain: Score; loss: Score; arrival: null} {
  return {gain: withheld(reason), loss: withheld(reason), arrival: null};
}

type Bound = {low: number; high: number};

/** Mean of the positive (or, for sign −1, the negative) parts, and of their bounds. */
function scoreOf(changes: readonly number[], bounds: readonly Bound[] | null, sign: 1 | -1): Score {
  const part = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + Math.max(sign * value, 0), 0) / values.length;
  const ends = bounds && [part(bounds.map(({low}) => low)), part(bounds.map(({high}) => high))];
  return {
    status: 'scored',
    value: part(changes),
    low: ends && Math.min(...ends),
    high: ends && Math.max(...ends),
  };
}

/** Bounds that hold for all differences of a row at once; null where a half-sample is withheld. */
function simultaneous(
  changes: readonly number[],
  after: readonly Halves[],
  before: readonly Halves[],
): Bound[] | null {
  const deviations: Float64Array[] = [];
  for (const [k, change] of changes.entries()) {
    const halves = differenceOfHalves(after[k]!, before[k]!);
    if (halves === null) return null;
    deviations.push(halves.map(value => value - change));
  }
  const spreads = deviations.map(all =>
    Math.sqrt(all.reduce((sum, value) => sum + value ** 2, 0) / all.length),
  );
  const largest = deviations[0]!.map((_, half) =>
    Math.max(...deviations.map((all, k) => (spreads[k] === 0 ? 0 : Math.abs(all[half]!) / spreads[k]!))),
  );
  const reach = quantile(largest.sort(), 0.95);
  return changes.map((change, k) => ({
    low: change - reach * spreads[k]!,
    high: change + reach * spreads[k]!,
  }));
}
