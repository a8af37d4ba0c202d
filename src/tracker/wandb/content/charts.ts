import {similarityOf} from '../../../marks.js';
import type {Baseline, FactorReading, Interval, Reading, Score} from '../../../types.js';
import type {TableData} from './media.js';

/** A custom chart on one of W&B's own presets; all of them overlay the runs that are selected. */
export interface Chart {
  /** The chart's key; its table is logged under this with `_table` behind it. */
  key: string;
  preset: 'wandb/line/v0' | 'wandb/lineseries/v0' | 'wandb/bar/v0';
  fields: Record<string, string | null>;
  strings: Record<string, string>;
  /** Grows with the run, so it is not sent with every reading. */
  grows: boolean;
  table: (readings: readonly ChartReading[], baseline: Baseline) => TableData;
}

/** What the charts need of a reading: a few numbers a layer, so that a long run stays small in memory. */
export interface ChartReading {
  /** Optimiser steps. */
  step: number;
  /** Shallow to deep. */
  layers: readonly string[];
  /** One a layer. */
  scores: readonly Score[];
  /** com_t(i), one a layer; null for layers that are no blocks. */
  centre: (number | null)[];
  /** D_t[i, i], one a layer. */
  drift: (number | null)[];
  /** Change of the named transformations, where there is a panel. */
  factors?: readonly FactorReading[];
  /** R_t[i, i] and its interval, one a layer; null where its images are not inverted well enough. */
  similarity: (number | null)[];
  /** 95 % intervals of the similarity over the probes, one a layer; null where there is none. */
  intervals: (Interval | null)[];
}

/** Retention scores of a reading, null where withheld. */
export function retentionOf({scores}: Pick<ChartReading, 'scores'>): (number | null)[] {
  return scores.map(score => (score.status === 'scored' ? score.value : null));
}

function reasonOf(score: Score): string | null {
  return score.status === 'scored' ? null : score.reason;
}

export function chartReading(reading: Reading, baseline: Baseline | null): ChartReading {
  return {
    step: reading.step,
    layers: reading.layers,
    scores: reading.scores,
    centre: reading.flow.centre,
    drift: reading.layers.map((_, i) => reading.drift.unbiased[i]?.[i] ?? null),
    ...(reading.factors && {factors: reading.factors}),
    similarity: reading.layers.map((_, i) => similarityOf(reading, baseline, i)),
    intervals: reading.layers.map((_, i) => reading.retentionIntervals?.[i] ?? null),
  };
}

/** The custom charts of a run. */
export const charts: readonly Chart[] = [
  {
    key: 'invariance/chart/retention_by_layer',
    preset: 'wandb/bar/v0',
    fields: {label: 'layer', value: 'retention'},
    strings: {title: 'Retention by layer, last reading'},
    grows: false,
    table(readings) {
      const {layers, scores} = readings.at(-1)!;
      return {
        columns: ['layer', 'retention', 'low', 'high', 'reason'],
        data: scores.map((score, i) =>
          score.status === 'scored'
            ? [layers[i]!, score.value, score.low, score.high, null]
            : [layers[i]!, null, null, null, score.reason],
        ),
      };
    },
  },
  {
    key: 'invariance/chart/similarity_by_layer',
    preset: 'wandb/bar/v0',
    fields: {label: 'layer', value: 'similarity'},
    strings: {title: 'Similarity R by layer, last reading'},
    grows: false,
    table(readings, {gates, floor, floorSpread, scratch, ceiling}) {
      const {layers, scores, similarity, intervals} = readings.at(-1)!;
      const judged = (value: number | null | undefined, i: number) =>
        gates[i]!.passed ? (value ?? null) : null;
      return {
        columns: ['layer', 'similarity', 'low', 'high', 'floor', 'spread', 'scratch', 'ceiling', 'reason'],
        data: layers.map((layer, i) => [
          layer,
          similarity[i]!,
          judged(intervals[i]?.low, i),
          judged(intervals[i]?.high, i),
          judged(floor.unbiased[i]![i], i),
          judged(floorSpread?.diagonal[i], i),
          judged(scratch?.unbiased[i]![i], i),
          judged(ceiling.unbiased[i]![i], i),
          similarity[i] === null ? reasonOf(scores[i]!) : null,
        ]),
      };
    },
  },
  {
    key: 'invariance/chart/flow',
    preset: 'wandb/line/v0',
    fields: {x: 'layer', y: 'centre', stroke: null},
    strings: {title: "Flow: block where each layer's invariance lies"},
    grows: false,
    table(readings) {
      const {centre} = readings.at(-1)!;
      return {
        columns: ['layer', 'centre'],
        data: centre.flatMap((value, i) => (value === null ? [] : [[i, value]])),
      };
    },
  },
  {
    key: 'invariance/chart/deepest_retention',
    preset: 'wandb/line/v0',
    fields: {x: 'step', y: 'retention', stroke: null},
    strings: {title: 'Retention of the deepest layer over steps'},
    grows: true,
    table: readings => ({
      columns: ['step', 'retention'],
      data: readings.map(reading => [reading.step, retentionOf(reading).at(-1) ?? null]),
    }),
  },
  {
    key: 'invariance/chart/retention_over_steps',
    preset: 'wandb/lineseries/v0',
    fields: {step: 'step', lineKey: 'lineKey', lineVal: 'lineVal'},
    strings: {title: 'Retention of every layer over steps', xname: 'step'},
    grows: true,
    table: readings => ({
      columns: ['step', 'lineKey', 'lineVal'],
      data: readings.flatMap(reading =>
        retentionOf(reading).map((retention, i) => [reading.step, reading.layers[i]!, retention]),
      ),
    }),
  },
  {
    key: 'invariance/chart/drift_over_steps',
    preset: 'wandb/lineseries/v0',
    fields: {step: 'step', lineKey: 'lineKey', lineVal: 'lineVal'},
    strings: {title: 'Drift of every layer over steps', xname: 'step'},
    grows: true,
    table: readings => ({
      columns: ['step', 'lineKey', 'lineVal'],
      data: readings.flatMap(({step, layers, drift}) => drift.map((value, i) => [step, layers[i]!, value])),
    }),
  },
  {
    key: 'invariance/chart/factors',
    preset: 'wandb/lineseries/v0',
    fields: {step: 'place', lineKey: 'factor', lineVal: 'change'},
    strings: {
      title: 'Change of the invariance to each factor by layer, last reading',
      xname: 'layer, shallow to deep',
    },
    grows: false,
    table(readings, {factors: before = []}) {
      const {layers, factors = []} = readings.at(-1)!;
      return {
        columns: ['place', 'layer', 'factor', 'change', 'low', 'high', 'pretrained', 'now', 'reason'],
        data: factors.flatMap(({factor, change, invariance}) => {
          const pretrained = before.find(one => one.factor === factor)?.invariance;
          return change.map((score, i) => [
            i,
            layers[i]!,
            factor,
            ...(score.status === 'scored' ? [score.value, score.low, score.high] : [null, null, null]),
            pretrained?.[i] ?? null,
            invariance[i]!,
            score.status === 'scored' ? null : score.reason,
          ]);
        }),
      };
    },
  },
  {
    key: 'invariance/chart/inversion_quality',
    preset: 'wandb/bar/v0',
    fields: {label: 'layer', value: 'fvu'},
    strings: {title: 'Share of variance that the inverted images miss, by layer'},
    grows: false,
    table: (_, {gates}) => ({
      columns: ['layer', 'fvu', 'threshold', 'gate'],
      data: gates.map(({layer, fvu, threshold, passed}) => [
        layer,
        fvu,
        threshold,
        passed ? 'passed' : 'failed',
      ]),
    }),
  },
];

/** Config entry that makes W&B draw a chart: `_wandb.value.visualize`. */
export function visualize(): Record<string, unknown> {
  return Object.fromEntries(
    charts.map(({key, preset, fields, strings}) => [
      key,
      {
        panel_type: 'Vega2',
        panel_config: {
          panelDefId: preset,
          fieldSettings: fields,
          stringSettings: strings,
          transform: {name: 'tableWithLeafColNames'},
          userQuery: {
            queryFields: [
              {
                name: 'runSets',
                args: [{name: 'runSets', value: '${runSets}'}],
                fields: [
                  {name: 'id', fields: []},
                  {name: 'name', fields: []},
                  {name: '_defaultColorIndex', fields: []},
                  {name: 'summaryTable', args: [{name: 'tableKey', value: `${key}_table`}], fields: []},
                ],
              },
            ],
          },
        },
      },
    ]),
  );
}
