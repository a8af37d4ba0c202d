/** A checkpoint on disk, as far as keeping it is concerned. */
export interface Kept {
  step: number;
  /** What `monitor` names, at that step: a number, `null` where it never came, 'pending' while it is being measured. */
  value: number | null | 'pending';
}

export type Mode = 'min' | 'max';

/**
 * Which checkpoints stay: the newest `keep`, the best by value, and those whose value is still being measured (one of
 * them may turn out to be the best). Ties go to the earlier one.
 */
export function retain(
  checkpoints: readonly Kept[],
  {keep, mode}: {keep: number; mode: Mode},
): {keep: number[]; remove: number[]; best: number | null} {
  const newestFirst = [...checkpoints].sort((a, b) => b.step - a.step);
  const best = bestOf(checkpoints, mode)?.step ?? null;
  const stays = ({step, value}: Kept, index: number): boolean =>
    index < keep || step === best || value === 'pending';
  return {
    keep: newestFirst.filter(stays).map(({step}) => step),
    remove: newestFirst.filter((checkpoint, index) => !stays(checkpoint, index)).map(({step}) => step),
    best,
  };
}

/** The best one that has a value; null where none has. */
export function bestOf(checkpoints: readonly Kept[], mode: Mode): {step: number; value: number} | null {
  let best: {step: number; value: number} | null = null;
  for (const {step, value} of [...checkpoints].sort((a, b) => a.step - b.step)) {
    if (typeof value !== 'number' || !Number.isFinite(value)) continue;
    if (best === null || (mode === 'max' ? value > best.value : value < best.value)) best = {step, value};
  }
  return best;
}
