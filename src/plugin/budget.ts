import type {Spending} from '../checkpoints/index.js';

/** The shares of training time that readings have cost. */
export interface Shares {
  /** The training thread stood still. */
  blocked: number;
  /** The measuring process was busy, as its share of the machine's cores. */
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
  /** Training begins: what was spent until now is on no account, but serves as the estimate of the next reading. */
  begin(): void;
  /** One snapshot or reading in process has stopped the training thread for so many milliseconds. */
  blocked(milliseconds: number): void;
  /** The measuring child has worked so many milliseconds on one reading. Off the account it is an estimate only. */
  measured(milliseconds: number, options: {onAccount: boolean}): void;
  /** Training is over: no time passes on its account any more. */
  end(): void;
  /** Total share if one more reading is taken now, at the mean cost so far; `waiting` ones are still to be measured. */
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
 */
export function createBudget({
  share,
  cores,
  now,
  spent = {training: 0, blocked: 0, child: 0},
}: {
  share: number;
  cores: number;
  now: () => number;
  spent?: Spending;
}): Budget {
  let began: number | null = null;
  let ended: number | null = null;
  const charged = {blocked: spent.blocked, child: spent.child};
  const seen = {blocked: {sum: 0, count: 0}, child: {sum: 0, count: 0}};

  const add = (kind: 'blocked' | 'child', milliseconds: number, onAccount: boolean): void => {
    seen[kind].sum += milliseconds;
    seen[kind].count++;
    if (onAccount) charged[kind] += milliseconds;
  };
  const trained = (): number =>
    began === null ? 0 : Math.max(0, (ended ?? now()) - began - (charged.blocked - spent.blocked));
  const mean = (kind: 'blocked' | 'child'): number =>
    seen[kind].count === 0 ? 0 : seen[kind].sum / seen[kind].count;
  const spending = (): Spending => ({
    training: spent.training + trained(),
    ...charged,
  });
  const shareWithNext = (waiting: number): number => {
    const {training, blocked, child} = spending();
    const next = {
      training,
      blocked: blocked + mean('blocked'),
      child: child + (waiting + 1) * mean('child'),
    };
    return training <= 0 && next.blocked + next.child > 0 ? Infinity : sharesOf(next, cores).total;
  };

  return {
    begin: () => void (began ??= now()),
    end: () => void (ended ??= now()),
    blocked: milliseconds => add('blocked', milliseconds, began !== null && ended === null),
    measured: (milliseconds, {onAccount}) => add('child', milliseconds, onAccount),
    shareWithNext,
    affords: waiting => shareWithNext(waiting) <= share,
    spending,
    shares: () => sharesOf(spending(), cores),
  };
}
