export {FLOOR_DRAWS} from './baseline.js';
export {type ChildMeasurer, startChildMeasurer} from './child/child-measurer.js';
export type {MeasurerInfo, MeasurerSpec} from './child/messages.js';
export {createInversionProgress} from './inversion-progress.js';
export {checkFit, createMeasurer, type Measurer} from './measurer.js';
export {measurerInfo} from './measurer-info.js';
export type {ReadingCost} from './reading-cost.js';
export type {Progress} from './progress.js';
export {thin} from './thin-out.js';
