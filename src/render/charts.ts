import type {TopLevelSpec} from 'vega-lite';
import type {Baseline, Reading} from '../types.js';
import {driftRows, flowRows, forgettingRows, gateRows, matrixRows, retentionRows} from './rows.js';
import type {RenderedRun} from './run.js';
import {fillTemplate, type TemplateName} from './template.js';

/** One picture of a run, ready to draw. */
export interface Chart {
  /** File name without its ending. */
  name: ChartName;
  /** What the picture shows, for those who do not see it. */
  alt: string;
  spec: TopLevelSpec;
}

export type ChartName =
  | Exclude<TemplateName, 'retention-matrix' | 'difference-matrix' | 'two-run-difference'>
  | 'matrix-start'
  | 'matrix-last'
  | 'forgetting';

/** Sizes in pixels. Cells shrink where there are many, so that a picture stays a page wide. */
const SIZES = {
  cells: {few: 40, manyTotal: 640},
  rows: {few: 22, many: 15},
  square: {few: 32, many: 16},
  manyLayers: 14,
};

/** Every picture that the records so far can give, in the order of a report. */
export function chartsOf({baseline, readings}: RenderedRun): Chart[] {
  const last = readings.at(-1);
  return [
    ...(last ? [retentionMap(readings, last), retentionSteps(readings)] : []),
    ...(baseline ? [startMatrix(baseline)] : []),
    ...(baseline && last
      ? [lastMatrix(baseline, last), forgettingMatrix(baseline, last), flowChart(baseline, last)]
      : []),
    ...(last ? [driftMap(readings, last)] : []),
    ...(baseline ? [qualityGates(baseline)] : []),
  ];
}

function retentionMap(readings: readonly Reading[], last: Reading): Chart {
  return {
    name: 'retention-map',
    alt: `Retention score of ${last.layers.length} layers at ${readingsIn(readings)}; the table below holds the last.`,
    spec: fillTemplate('retention-map', {
      rows: retentionRows(readings),
      size: mapSize(readings.length, last.layers.length),
    }),
  };
}

function retentionSteps(readings: readonly Reading[]): Chart {
  return {
    name: 'retention-steps',
    alt: `Retention score of each layer over ${readingsIn(readings)}, one panel a layer, with its 95 % interval.`,
    spec: fillTemplate('retention-steps', {rows: retentionRows(readings)}),
  };
}

function startMatrix(baseline: Baseline): Chart {
  const {layers, ceiling} = baseline;
  return {
    name: 'matrix-start',
    alt: `Retention matrix of the pretrained model, the ceiling, ${layers.length} by ${layers.length} layers.`,
    spec: fillTemplate('retention-matrix', {
      rows: matrixRows(baseline, ceiling.unbiased),
      strings: {title: 'Pretrained model (W0)'},
      size: squareSize(layers.length),
    }),
  };
}

function lastMatrix(baseline: Baseline, {layers, retention, step}: Reading): Chart {
  return {
    name: 'matrix-last',
    alt: `Retention matrix at step ${step}, ${layers.length} by ${layers.length} layers.`,
    spec: fillTemplate('retention-matrix', {
      rows: matrixRows(baseline, retention.unbiased),
      strings: {title: `Step ${step} (R)`},
      size: squareSize(layers.length),
    }),
  };
}

function forgettingMatrix(baseline: Baseline, last: Reading): Chart {
  return {
    name: 'forgetting',
    alt: `Forgetting at step ${last.step}: the pretrained model's matrix minus that of this step.`,
    spec: fillTemplate('difference-matrix', {
      rows: forgettingRows(baseline, last),
      strings: {
        title: `Forgotten by step ${last.step} (W0 − R)`,
        above: 'above 0: forgotten',
        below: 'below 0: more invariant than before',
      },
      size: squareSize(last.layers.length),
    }),
  };
}

function flowChart(baseline: Baseline, last: Reading): Chart {
  const {square, manyLayers} = SIZES;
  const cell = baseline.blocks.length > manyLayers ? square.many : square.few;
  return {
    name: 'flow',
    alt: `Where the invariances of each pretrained block sit at step ${last.step}, with their centre before training and now.`,
    spec: fillTemplate('flow', {
      rows: flowRows(baseline, last),
      size: {width: cell * baseline.blocks.length, height: {step: cell}},
    }),
  };
}

function driftMap(readings: readonly Reading[], last: Reading): Chart {
  return {
    name: 'drift-map',
    alt: `Drift of ${last.layers.length} layers from their pretrained selves at ${readingsIn(readings)}.`,
    spec: fillTemplate('drift-map', {
      rows: driftRows(readings),
      size: mapSize(readings.length, last.layers.length),
    }),
  };
}

function qualityGates(baseline: Baseline): Chart {
  const passed = baseline.gates.filter(gate => gate.passed).length;
  return {
    name: 'quality-gates',
    alt: `Share of variance that inverted images miss, by layer; ${passed} of ${baseline.gates.length} layers pass.`,
    spec: fillTemplate('quality-gates', {
      rows: gateRows(baseline),
      size: {height: rowSize(baseline.layers.length)},
    }),
  };
}

/** Of a layer × step map. */
export function mapSize(readings: number, layers: number) {
  const {cells} = SIZES;
  const wide = readings * cells.few > cells.manyTotal;
  return {
    width: wide ? cells.manyTotal : {step: cells.few},
    height: rowSize(layers),
  };
}

function rowSize(layers: number) {
  return {step: layers > SIZES.manyLayers ? SIZES.rows.many : SIZES.rows.few};
}

/** Of a layer × layer matrix. */
export function squareSize(layers: number) {
  const step = layers > SIZES.manyLayers ? SIZES.square.many : SIZES.square.few;
  return {width: {step}, height: {step}};
}

function readingsIn(readings: readonly Reading[]): string {
  return readings.length === 1 ? `step ${readings[0]!.step}` : `${readings.length} steps`;
}
