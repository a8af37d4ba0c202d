export {durationOf} from './duration.js';
export {liveLine, type TextStream} from './live-line.js';
export {textTable} from './text-table.js';
