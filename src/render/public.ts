/**
 * Reports and pictures of recorded runs, drawn without a browser. It loads a plotting library (about 0.5 s), so it is apart from
 * the rest.
 *
 * @module wandb-invariance/render
 */
export {renderDifference} from './render-difference.js';
export {renderReport, type RenderedReport} from './render-report.js';
export type {DifferedRun} from './rows.js';
export type {RenderedRun} from './run.js';
