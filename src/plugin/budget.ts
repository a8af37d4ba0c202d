import type {Spending} from '../checkpoints/index.js';
import type {ReadingCost} from '../measure/index.js';

/** The shares of training time that readings have cost. */
export interface Shares {
  /** The training thread stood still. */
  blocked: number;
  /** The measuring process was on a core, as its share of the machine's cores. */
  child: number;
  /** Both together: what `budget` limits. */
  total: number;
}

/**
 * Cost as a share of training time.
 * @param cores of this machine; the child, of one thread, costs training at most `child / cores`
 */
function sharesOf({training, blocked, child}: Spending, cores: number): Shares {
  if (training <= 0) return {blocked: 0, child: 0, total: 0};
  const shares = {blocked: blocked / training, child: child / cores / training};
  return {...shares, total: shares.blocked + shares.child};
}

/** Keeps the account of one run. */
export interface Budget {
  /** Training begins: what was spent until now is on no account, but tells how long the next reading will block. */
  begin(): void;
  /** One snapshot or reading in process has stopped the training thread for so many milliseconds. */
  blocked(milliseconds: number): void;
  /** One reading is taken; the child may measure it much later. */
  taken(): void;
  /** The measuring child has used so many milliseconds of a core for one reading. */
  measured(milliseconds: number): void;
  /** Training is over: no time passes on its account any more. */
  end(): void;
  /**
   * Total share if one more reading is taken now; `waiting` ones are still to be measured. All that were taken are
   * counted at what they were expected to cost, measured or not, so that it makes no difference when that is done;
   * where they have cost more than that, at what they have cost.
   */
  shareWithNext(waiting: number): number;
  /** Whether one more fits. */
  affords(waiting: number): boolean;
  spending(): Spending;
  shares(): Shares;
}

/**
 * @param share of training time that readings may cost, above 0; Infinity for no limit
 * @param now monotonic clock in milliseconds
 * @param spent what a run that is resumed has spent before
 * @param cost of readings in a child, as expected; nothing where training waits for them
 */
export function createBudget({
  share,
  cores,
  now,
  spent = {training: 0, blocked: 0, child: 0},
  cost: {each, first} = {each: 0, first: 0},
}: {
  share: number;
  cores: number;
  now: () => number;
  spent?: Spending | undefined;
  cost?: ReadingCost | undefined;
}): Budget {
  let began: number | null = null;
  let ended: number | null = null;
  const charged = {blocked: spent.blocked, child: spent.child};
  const stops = {sum: 0, count: 0};
  let taken = 0;

  const trained = (): number =>
    began === null ? 0 : Math.max(0, (ended ?? now()) - began - (charged.blocked - spent.blocked));
  const spending = (): Spending => ({
    training: spent.training + trained(),
    ...charged,
  });
  const shareWithNext = (waiting: number): number => {
    const {training, blocked, child} = spending();
    const next = {
      training,
      blocked: blocked + (stops.count === 0 ? 0 : stops.sum / stops.count),
      child: Math.max(child + (waiting + 1) * each, spent.child + first + (taken + 1) * each),
    };
    return training <= 0 && next.blocked + next.child > 0 ? Infinity : sharesOf(next, cores).total;
  };

  return {
    begin: () => void (began ??= now()),
    end: () => void (ended ??= now()),
    blocked(milliseconds) {
      stops.sum += milliseconds;
      stops.count++;
      if (began !== null && ended === null) charged.blocked += milliseconds;
    },
    taken: () => void taken++,
    measured: milliseconds => void (charged.child += milliseconds),
    shareWithNext,
    affords: waiting => shareWithNext(waiting) <= share,
    spending,
    shares: () => sharesOf(spending(), cores),
  };
}
