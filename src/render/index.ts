export {type Chart, type ChartName, chartsOf, mapSize, squareSize} from './charts.js';
export {drawSvg} from './draw.js';
export {drawPng} from './png.js';
export {differenceChart, renderDifference} from './render-difference.js';
export {drawReport, type RenderedReport, renderReport} from './render-report.js';
export {minuteOf, pageStyle} from './report.js';
export {
  type DifferedRun,
  type DifferenceMatrixRow,
  differenceNames,
  type DifferenceRow,
  differenceRows,
  type DriftRow,
  driftRows,
  type FlowRow,
  flowRows,
  forgettingRows,
  type GateRow,
  gateRows,
  type MatrixRow,
  matrixRows,
  type RetentionRow,
  retentionRows,
} from './rows.js';
export type {RenderedRun} from './run.js';
export {type Summary, summaryOf} from './summary.js';
export {fillTemplate, type TemplateName} from './template.js';
