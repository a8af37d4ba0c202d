import {similarityOf} from '../marks.js';
import type {Baseline, FactorReading, Reading, Score} from '../types.js';

/** How W&B and the tables summarise a key over a run. */
export type SummaryKind = 'min' | 'max' | 'last';

/** One row of the table of metric keys. */
export interface MetricKey {
  /** The key itself; a key of one layer is this with `/<layer>` behind it, as `invariance/retention/block_03`. */
  readonly key: string;
  /** One value a run, one a layer, or one a layer and factor: `invariance/factor/hue/block_03`. */
  readonly of: 'run' | 'layer' | 'factor';
  readonly summary: readonly SummaryKind[];
  /** Symbol or formula of docs/metrics.md, unit and range, in one line. */
  readonly meaning: string;
  /** `i` is the layer's index, 0 for a key of the run. Null where there is no value to log. */
  readonly value: (
    reading: Reading,
    baseline: Baseline | null,
    i: number,
    factor?: FactorReading,
  ) => number | null | undefined;
}

/** The x-axis of every chart: optimiser steps since the start of training. */
export const stepKey = 'train/global_step';
/** Epochs since the start, fractional. */
export const epochKey = 'train/epoch';

function scored(score: Score | undefined, field: 'value' | 'low' | 'high'): number | null {
  return score?.status === 'scored' ? score[field] : null;
}

/** One end of the interval of R_t[i, i], likewise judged as R itself. */
function endOf(reading: Reading, baseline: Baseline | null, i: number, end: 'low' | 'high'): number | null {
  return baseline?.gates[i]!.passed ? (reading.retentionIntervals?.[i]?.[end] ?? null) : null;
}

/** W0[i,i], as R. */
function ceilingOf(baseline: Baseline | null, i: number): number | null {
  return baseline?.gates[i]!.passed ? baseline.ceiling.unbiased[i]![i]! : null;
}

function forgettingOf(reading: Reading, baseline: Baseline | null, i: number): number | null {
  const ceiling = ceilingOf(baseline, i);
  const now = similarityOf(reading, baseline, i);
  return ceiling === null || now === null ? null : ceiling - now;
}

/** Over the layers that have a ceiling, all of them or none: a mean of fewer could fall as a layer breaks. */
function meanForgetting(reading: Reading, baseline: Baseline | null): number | null {
  const values = reading.layers.flatMap((_, i) =>
    ceilingOf(baseline, i) === null ? [] : [forgettingOf(reading, baseline, i)],
  );
  const known = values.filter(value => value !== null);
  if (known.length === 0 || known.length < values.length) return null;
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** A_t[i,i], likewise. */
function acquiredOf({acquired}: Reading, _: Baseline | null, i: number): number | null {
  return acquired?.gates[i]!.passed ? acquired.similarity.unbiased[i]![i]! : null;
}

/** What the ridge probes of one set of labels log. */
function ridgeKeys(set: number, suffix: string, labels: string): MetricKey[] {
  return [
    {
      key: `invariance/probe_accuracy${suffix}`,
      of: 'layer',
      summary: ['min', 'last'],
      meaning: `leave-one-out accuracy in [0, 1] of a ridge probe fitted anew on the layer; ${labels}`,
      value: (reading, _, i) => reading.ridge?.[set]?.accuracy[i],
    },
    {
      key: `invariance/probe_change${suffix}`,
      of: 'layer',
      summary: ['min', 'last'],
      meaning: 'that accuracy minus that of the pretrained layer; below 0 the layer tells less than it did',
      value: (reading, _, i) => scored(reading.ridge?.[set]?.change[i], 'value'),
    },
    {
      key: `invariance/probe_kept${suffix}`,
      of: 'layer',
      summary: ['min', 'last'],
      meaning: "accuracy of the pretrained layer's own probe on the layer as it is now, minus what it was",
      value: (reading, _, i) => scored(reading.ridge?.[set]?.kept[i], 'value'),
    },
  ];
}

/**
 * Every key this package logs, in the order of docs/metric-keys.md; a test keeps the two equal.
 * Keys are stable: dashboards and regular expressions are written against them.
 */
export const metricKeys: readonly MetricKey[] = [
  {
    key: stepKey,
    of: 'run',
    summary: ['last'],
    meaning: 'optimiser steps since the start of training; the x-axis',
    value: reading => reading.step,
  },
  {
    key: epochKey,
    of: 'run',
    summary: ['last'],
    meaning: 'epochs since the start of training, fractional',
    value: reading => reading.epoch,
  },
  {
    key: 'invariance/retention',
    of: 'run',
    summary: ['min', 'last'],
    meaning:
      'mean retention score over the layers that the baseline can score, none where one of them has no score now; 1 = all kept, 0 = the floor',
    value: reading => reading.meanScore,
  },
  {
    key: 'invariance/scored_layers',
    of: 'run',
    summary: ['min', 'last'],
    meaning: 'how many layers are scored, that is not withheld',
    value: reading => reading.scores.filter(score => score.status === 'scored').length,
  },
  {
    key: 'invariance/forgetting',
    of: 'run',
    summary: ['max', 'last'],
    meaning: 'mean of W0[i,i] − R_t[i,i], unbiased, over the layers whose inversion converged',
    value: meanForgetting,
  },
  {
    key: 'invariance/compression',
    of: 'run',
    summary: ['max', 'last'],
    meaning:
      'mean C_t over the deeper half of the blocks, none unless it is known of each; positive = the centre of mass lies shallower, by moving or by forgetting',
    value: reading => reading.compression.mean,
  },
  {
    key: 'invariance/retention',
    of: 'layer',
    summary: ['min', 'last'],
    meaning: 'retention score r_t[i]; 1 = all kept, 0 = the floor',
    value: (reading, _, i) => scored(reading.scores[i], 'value'),
  },
  {
    key: 'invariance/retention_low',
    of: 'layer',
    summary: ['last'],
    meaning: 'lower end of the 95 % interval of the retention score over probes, seeds and random networks',
    value: (reading, _, i) => scored(reading.scores[i], 'low'),
  },
  {
    key: 'invariance/retention_high',
    of: 'layer',
    summary: ['last'],
    meaning: 'upper end of the 95 % interval of the retention score over probes, seeds and random networks',
    value: (reading, _, i) => scored(reading.scores[i], 'high'),
  },
  {
    key: 'invariance/similarity',
    of: 'layer',
    summary: ['min', 'last'],
    meaning: "R_t[i,i], unbiased linear CKA of ft_i(X) and ft_i(X'_i); at most 1, may be negative",
    value: similarityOf,
  },
  {
    key: 'invariance/similarity_low',
    of: 'layer',
    summary: ['last'],
    meaning: 'lower end of the 95 % interval of R_t[i,i] over probes and seeds',
    value: (reading, baseline, i) => endOf(reading, baseline, i, 'low'),
  },
  {
    key: 'invariance/similarity_high',
    of: 'layer',
    summary: ['last'],
    meaning: 'upper end of the 95 % interval of R_t[i,i] over probes and seeds',
    value: (reading, baseline, i) => endOf(reading, baseline, i, 'high'),
  },
  {
    key: 'invariance/forgetting',
    of: 'layer',
    summary: ['max', 'last'],
    meaning: 'F_t[i,i] = W0[i,i] − R_t[i,i], unbiased',
    value: forgettingOf,
  },
  {
    key: 'invariance/drift',
    of: 'layer',
    summary: ['max', 'last'],
    meaning: 'D_t[i,i] = 1 − c(f0_i(X), ft_i(X)), unbiased',
    value: (reading, _, i) => reading.drift.unbiased[i]?.[i],
  },
  {
    key: 'invariance/weight_drift',
    of: 'layer',
    summary: ['max', 'last'],
    meaning: '‖θt − θ0‖F / ‖θ0‖F of the weights between the measured layer before it and this one',
    value: (reading, _, i) => reading.weightDrift[i],
  },
  {
    key: 'invariance/flow_centre',
    of: 'layer',
    summary: ['last'],
    meaning: "com_t(i), the block index where the layer's invariance lies on average; blocks only",
    value: (reading, _, i) => reading.flow.centre[i],
  },
  {
    key: 'invariance/flow_strongest',
    of: 'layer',
    summary: ['last'],
    meaning: "j*(i), the layer index that holds most of the layer's invariance; blocks only",
    value: (reading, _, i) => reading.flow.strongest[i],
  },
  {
    key: 'invariance/compression',
    of: 'layer',
    summary: ['max', 'last'],
    meaning:
      'C_t(i) = (com_0(i) − com_t(i)) / (L − 1); positive = the centre of mass lies shallower, by moving or by forgetting; blocks only',
    value: (reading, _, i) => reading.compression.layers[i],
  },
  {
    key: 'invariance/gain',
    of: 'layer',
    summary: ['max', 'last'],
    meaning: 'G_t(i), mean over the blocks j of max(R_t[i,j] − W0[i,j], 0)',
    value: (reading, _, i) => scored(reading.gain?.[i], 'value'),
  },
  {
    key: 'invariance/gain_low',
    of: 'layer',
    summary: ['max', 'last'],
    meaning: 'lower end of the 95 % interval of the gain; above 0 = invariances of the layer moved',
    value: (reading, _, i) => scored(reading.gain?.[i], 'low'),
  },
  {
    key: 'invariance/loss',
    of: 'layer',
    summary: ['max', 'last'],
    meaning: 'L_t(i), mean over the blocks j of max(W0[i,j] − R_t[i,j], 0)',
    value: (reading, _, i) => scored(reading.loss?.[i], 'value'),
  },
  {
    key: 'invariance/loss_low',
    of: 'layer',
    summary: ['max', 'last'],
    meaning:
      'lower end of the 95 % interval of the loss; above 0 = more was lost than the noise of the probes',
    value: (reading, _, i) => scored(reading.loss?.[i], 'low'),
  },
  {
    key: 'invariance/arrival',
    of: 'layer',
    summary: ['last'],
    meaning: 'the layer index of the block with the largest sure gain; none where nothing moved',
    value: (reading, _, i) => reading.arrival?.[i],
  },
  {
    key: 'invariance/acquired',
    of: 'layer',
    summary: ['last'],
    meaning: 'A_t[i,i], unbiased; only on readings that invert the finetuned model',
    value: acquiredOf,
  },
  {
    key: 'invariance/novelty',
    of: 'layer',
    summary: ['max', 'last'],
    meaning: 'W0[i,i] − A_t[i,i]; only on readings that invert the finetuned model',
    value: (reading, _, i) => reading.acquired?.novelty[i],
  },
  ...ridgeKeys(0, '', 'first labels: class folders, else those given'),
  ...ridgeKeys(1, '_second', 'second labels: those given beside class folders'),
  {
    key: 'invariance/factor',
    of: 'factor',
    summary: ['last'],
    meaning:
      'I_t − I_0, change of the invariance to a named transformation of the probes; below 0 = the layer sees more of it than before',
    value: (_, __, i, factor) => scored(factor?.change[i], 'value'),
  },
  {
    key: 'invariance/cost/seconds',
    of: 'run',
    summary: ['last'],
    meaning: 'seconds the reading took',
    value: reading => reading.cost.seconds,
  },
  {
    key: 'invariance/cost/forwards',
    of: 'run',
    summary: ['last'],
    meaning: 'images pushed forward through the model for the reading',
    value: reading => reading.cost.forwards,
  },
  {
    key: 'invariance/cost/gradients',
    of: 'run',
    summary: ['last'],
    meaning: 'images for which the reading took a gradient',
    value: reading => reading.cost.gradients,
  },
];

/**
 * The last part of a layer's keys: the layer's name with everything that breaks W&B's sections or regular
 * expressions replaced by `_`. Names that would become equal are told apart by their index.
 */
export function layerSegments(layers: readonly string[]): string[] {
  const segments = layers.map(layer => layer.replace(/[^A-Za-z0-9_.-]+/g, '_'));
  return segments.map((segment, i) =>
    segments.indexOf(segment) === segments.lastIndexOf(segment) ? segment : `${segment}_${i}`,
  );
}

/**
 * One reading as flat numbers under the table's keys, with the values the training logged at that step beside
 * them under their own names. A value that is withheld or absent has no key; nothing here is NaN. The keys, their units
 * and formulas are the table of docs/metric-keys.md.
 *
 * @param reading one of a run.
 * @param baseline of the same run; null before it is measured: what rests on it has no key then.
 * @example
 * import {readRun, scalarsOf} from 'wandb-invariance';
 *
 * const {baseline, readings} = await readRun('invariance/20260311-142530-3f9a');
 * console.table(readings.map(reading => scalarsOf(reading, baseline)));
 */
export function scalarsOf(reading: Reading, baseline: Baseline | null): Record<string, number> {
  const scalars: Record<string, number> = {};
  const put = (key: string, value: number | null | undefined): void => {
    if (typeof value === 'number' && Number.isFinite(value)) scalars[key] = value;
  };
  for (const [key, value] of Object.entries(reading.logged)) put(key, value);
  const segments = layerSegments(reading.layers);
  for (const {key, of, value} of metricKeys) {
    if (of === 'run') put(key, value(reading, baseline, 0));
    else if (of === 'factor')
      for (const factor of reading.factors ?? [])
        segments.forEach((segment, i) =>
          put(`${key}/${factor.factor}/${segment}`, value(reading, baseline, i, factor)),
        );
    else segments.forEach((segment, i) => put(`${key}/${segment}`, value(reading, baseline, i)));
  }
  return scalars;
}
