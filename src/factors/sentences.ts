import {capitalised} from '../listed.js';
import type {Baseline, FactorBaseline, FactorReading, LayerName, Reading, Score} from '../types.js';

/** Where plain words turn from one to the next. They are for reading only; no number is changed by them. */
const WORDS = {
  /** A change is told where its interval excludes 0 and it is at least this. */
  changes: 0.05,
  /** A layer that ignores at least this share of the factors more, and sees none more, … */
  ignores: 0.5,
  /** … and has drifted at least this far, may have lost what it knew. */
  drifts: 0.5,
};

/** What the factor panel of a reading says, in sentences. */
export interface FactorWords {
  /** "block_05 now sees hue (0.95 → 0.45)." */
  seen: string[];
  /** "norm ignores shift more than before (0.64 → 0.98)." */
  ignored: string[];
  /** Which factors no layer sees otherwise than before. */
  same: string[];
  /** What keeps a reader from taking a change for what it is not. */
  doubts: string[];
}

/** Empty where there is no panel. */
export function factorWords(
  baseline: Pick<Baseline, 'factors'> | null,
  reading: Pick<Reading, 'layers' | 'factors' | 'drift' | 'ridge'>,
): FactorWords {
  const {layers} = reading;
  const factors = pairs(baseline, reading);
  const told = factors.filter(({before}) => before.withheld === undefined);
  const silent = factors.filter(({before}) => before.withheld !== undefined);
  const same = told.filter(({now}) => ![-1, 1].some(way => changedLayers(now, way).length > 0));
  return {
    seen: told.flatMap(factor => changeSentence(factor, layers, -1)),
    ignored: told.flatMap(factor => changeSentence(factor, layers, 1)),
    same:
      same.length > 0
        ? [
            `${capitalised(listed(same.map(({now}) => now.factor)))}: as before (no sure change of ${WORDS.changes} or more).`,
          ]
        : [],
    doubts: [
      ...collapseSentences(told, reading),
      ...silent.map(({before}) => `Of ${before.factor} nothing can be said: ${before.withheld}.`),
    ],
  };
}

/** All of it, in the order of reading. */
export function factorSentences(...args: Parameters<typeof factorWords>): string[] {
  const {seen, ignored, same, doubts} = factorWords(...args);
  return [...seen, ...ignored, ...same, ...doubts];
}

interface Pair {
  before: FactorBaseline;
  now: FactorReading;
}

function pairs(baseline: Pick<Baseline, 'factors'> | null, {factors}: Pick<Reading, 'factors'>): Pair[] {
  return (factors ?? []).flatMap(now => {
    const before = baseline?.factors?.find(({factor}) => factor === now.factor);
    return before ? [{before, now}] : [];
  });
}

/** @param way −1: layers that see more of the factor than they did; 1: that ignore more of it. */
function changeSentence({before, now}: Pair, layers: readonly LayerName[], way: number): string[] {
  const changed = changedLayers(now, way);
  if (changed.length === 0) return [];
  const most = changed.reduce((a, b) =>
    way * valueOf(now.change[b]!) > way * valueOf(now.change[a]!) ? b : a,
  );
  const numbers = `${before.invariance[most]!.toFixed(2)} → ${now.invariance[most]!.toFixed(2)}`;
  const names = layerRuns(changed, layers);
  const does = changed.length === 1;
  const verb =
    way < 0
      ? `now ${does ? 'sees' : 'see'} ${now.factor}`
      : `${does ? 'ignores' : 'ignore'} ${now.factor} more than before`;
  return [`${names} ${verb} (${does ? '' : `most in ${layers[most]}: `}${numbers}).`];
}

function changedLayers({change}: FactorReading, way: number): number[] {
  return change.flatMap((score, i) => (isSure(score, way) ? [i] : []));
}

function isSure(score: Score, way: number): boolean {
  if (score.status === 'withheld' || score.low === null || score.high === null) return false;
  return way * score.value >= WORDS.changes && (way < 0 ? score.high < 0 : score.low > 0);
}

function valueOf(score: Score): number {
  return score.status === 'scored' ? score.value : 0;
}

/** A layer that forgets everything becomes invariant to everything: that is no robustness. */
function collapseSentences(
  told: readonly Pair[],
  {layers, drift, ridge}: Pick<Reading, 'layers' | 'drift' | 'ridge'>,
): string[] {
  return layers.flatMap((layer, i) => {
    const more = told.filter(({now}) => isSure(now.change[i]!, 1)).length;
    const less = told.some(({now}) => isSure(now.change[i]!, -1));
    if (less || more === 0 || more < WORDS.ignores * told.length) return [];
    const far = drift.unbiased[i]![i] ?? 0;
    const poorer = ridge?.some(({change}) => change[i]?.status === 'scored' && (change[i].high ?? 0) < 0);
    const signs = [
      ...(far >= WORDS.drifts ? [`has drifted far (${far.toFixed(2)})`] : []),
      ...(poorer ? ['tells the classes less well than it did'] : []),
    ];
    if (signs.length === 0) return [];
    return [
      `${layer} ignores more of most factors and ${signs.join(' and ')}: a layer that collapses becomes invariant to everything, which is no robustness.`,
    ];
  });
}

/** "block_00 to block_03, norm": neighbours in the order of the layers are drawn together. */
function layerRuns(places: readonly number[], layers: readonly LayerName[]): string {
  const runs: number[][] = [];
  for (const place of places) {
    const run = runs.at(-1);
    if (run && run.at(-1)! + 1 === place) run.push(place);
    else runs.push([place]);
  }
  const names = runs.flatMap(run =>
    run.length > 2 ? [`${layers[run[0]!]} to ${layers[run.at(-1)!]}`] : run.map(place => layers[place]!),
  );
  return listed(names);
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
