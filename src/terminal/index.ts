export {durationOf} from './duration.js';
export {liveLines, type TextStream} from './live-lines.js';
export {textTable} from './text-table.js';
