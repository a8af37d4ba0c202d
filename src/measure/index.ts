export {type Measuring, startMeasuring} from './child/measuring.js';
export type {MeasuringInfo, MeasuringSpec} from './child/messages.js';
export {durationOf} from './duration.js';
export {createInversionProgress} from './inversion-progress.js';
export {checkFit, createMeasurer, type Measurer} from './measurer.js';
export type {Progress} from './progress.js';
export {thin} from './thin-out.js';
