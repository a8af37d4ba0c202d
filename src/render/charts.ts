import type {TopLevelSpec} from 'vega-lite';
import {similarityOf} from '../marks.js';
import type {Baseline, Reading} from '../types.js';
import {
  driftRows,
  factorRows,
  flowRows,
  forgettingRows,
  gateRows,
  matrixRows,
  retentionRows,
  similarityRows,
  type ScoredReading,
} from './rows.js';
import {wordsOf, type RenderedRun} from './run.js';
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

/**
 * Every picture that the records so far can give, in the order of a report. Of a single reading nothing is drawn over
 * steps.
 */
export function chartsOf(run: RenderedRun): Chart[] {
  const {baseline, readings} = run;
  const last = readings.at(-1);
  return [
    ...(last && readings.length > 1 ? [retentionMap(run, last), retentionSteps(readings)] : []),
    ...(last && readings.length === 1 ? [retentionLayers(run, last)] : []),
    ...(baseline && last ? [similarityLayers(run, baseline, last)] : []),
    ...(baseline ? [startMatrix(baseline)] : []),
    ...(baseline && last
      ? [
          lastMatrix(run, baseline, last),
          forgettingMatrix(run, baseline, last),
          flowChart(run, baseline, last),
        ]
      : []),
    ...(last && readings.length > 1 ? [driftMap(readings, last)] : []),
    ...(baseline && last?.factors ? [factorMap(run, baseline, last)] : []),
    ...(baseline ? [qualityGates(baseline)] : []),
  ];
}

/** Beside its scores R, which is shown where there is no score. */
function withSimilarity({baseline}: RenderedRun, reading: Reading): ScoredReading {
  return {...reading, similarity: reading.layers.map((_, i) => similarityOf(reading, baseline, i))};
}

function retentionMap(run: RenderedRun, last: Reading): Chart {
  const {readings} = run;
  return {
    name: 'retention-map',
    alt: `Retention score of ${last.layers.length} layers at ${readings.length} steps; the table below holds the last.`,
    spec: fillTemplate('retention-map', {
      rows: retentionRows(readings.map(reading => withSimilarity(run, reading))),
      size: mapSize(readings.length, last.layers.length),
    }),
  };
}

function retentionLayers(run: RenderedRun, reading: Reading): Chart {
  const {where} = wordsOf(run, reading);
  return {
    name: 'retention-layers',
    alt: `Retention score of ${reading.layers.length} layers ${where}, each with its 95 % interval.`,
    spec: fillTemplate('retention-layers', {
      rows: retentionRows([withSimilarity(run, reading)]),
      strings: {title: `Retention by layer ${where}`},
      size: {height: rowSize(reading.layers.length)},
    }),
  };
}

function retentionSteps(readings: readonly Reading[]): Chart {
  return {
    name: 'retention-steps',
    alt: `Retention score of each layer over ${readings.length} steps, one panel a layer, with its 95 % interval.`,
    spec: fillTemplate('retention-steps', {rows: retentionRows(readings)}),
  };
}

function similarityLayers(run: RenderedRun, baseline: Baseline, reading: Reading): Chart {
  const {where} = wordsOf(run, reading);
  const {floorSpread, scratch} = baseline;
  return {
    name: 'similarity-layers',
    alt: `Similarity R of ${reading.layers.length} layers ${where}, each between its floor and its ceiling; the table below holds the numbers.`,
    spec: fillTemplate('similarity-layers', {
      rows: similarityRows(baseline, reading),
      strings: {
        title: `R between its marks ${where}`,
        floor: floorSpread
          ? `ring = floor, ${floorSpread.draws} random networks; line = their spread`
          : 'ring = floor, a random network',
        scratch: scratch ? 'diamond = trained from scratch on the new task' : '',
      },
      size: {height: rowSize(reading.layers.length)},
    }),
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

function lastMatrix(run: RenderedRun, baseline: Baseline, last: Reading): Chart {
  const {layers, retention} = last;
  const {moment, where} = wordsOf(run, last);
  return {
    name: 'matrix-last',
    alt: `Retention matrix ${where}, ${layers.length} by ${layers.length} layers.`,
    spec: fillTemplate('retention-matrix', {
      rows: matrixRows(baseline, retention.unbiased),
      strings: {title: `${capitalised(moment)} (R)`},
      size: squareSize(layers.length),
    }),
  };
}

function forgettingMatrix(run: RenderedRun, baseline: Baseline, last: Reading): Chart {
  const {moment, where} = wordsOf(run, last);
  return {
    name: 'forgetting',
    alt: `Forgetting ${where}: the pretrained model's matrix minus that of this one.`,
    spec: fillTemplate('difference-matrix', {
      rows: forgettingRows(baseline, last),
      strings: {
        title: `Forgotten by ${moment} (W0 − R)`,
        above: 'above 0: forgotten',
        below: 'below 0: more invariant than before',
      },
      size: squareSize(last.layers.length),
    }),
  };
}

function flowChart(run: RenderedRun, baseline: Baseline, last: Reading): Chart {
  const {square, manyLayers} = SIZES;
  const cell = baseline.blocks.length > manyLayers ? square.many : square.few;
  return {
    name: 'flow',
    alt: `Where the invariances of each pretrained block sit ${wordsOf(run, last).where}, with their centre before training and now.`,
    spec: fillTemplate('flow', {
      rows: flowRows(baseline, last),
      size: {width: cell * baseline.blocks.length, height: {step: cell}},
    }),
  };
}

function driftMap(readings: readonly Reading[], last: Reading): Chart {
  return {
    name: 'drift-map',
    alt: `Drift of ${last.layers.length} layers from their pretrained selves at ${readings.length} steps.`,
    spec: fillTemplate('drift-map', {
      rows: driftRows(readings),
      size: mapSize(readings.length, last.layers.length),
    }),
  };
}

function factorMap(run: RenderedRun, baseline: Baseline, last: Reading): Chart {
  const {where} = wordsOf(run, last);
  return {
    name: 'factor-map',
    alt: `Change of the invariance to ${last.factors!.length} transformations ${where}, by layer.`,
    spec: fillTemplate('factor-map', {
      rows: factorRows(baseline, last),
      strings: {title: `Change of invariance by factor ${where}`},
      size: {height: rowSize(last.layers.length)},
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

/** Layer names stay as they are; a step begins a title. */
function capitalised(moment: string): string {
  return moment.startsWith('step ') ? `S${moment.slice(1)}` : moment;
}
