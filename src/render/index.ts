export {chartsOf, mapSize, squareSize, type Chart, type ChartName} from './charts.js';
export {drawPng} from './png.js';
export {drawSvg} from './draw.js';
export * from './rows.js';
export type {RenderedRun} from './run.js';
export {fillTemplate, type TemplateName} from './template.js';
export {drawReport, renderReport, type RenderedReport} from './render-report.js';
export {pageStyle} from './report.js';
export {summaryOf, type Summary} from './summary.js';
