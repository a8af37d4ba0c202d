export {durationOf} from './duration.js';
export {liveLines, type LiveLines, type TextStream} from './live-lines.js';
export {textTable} from './text-table.js';
