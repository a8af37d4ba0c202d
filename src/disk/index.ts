export {linkFolder, removeFolder, sweep} from './folders.js';
export {ioFailed} from './io-failed.js';
export {isAlive} from './is-alive.js';
export {replaceFile, syncFolder, temporaryBeside} from './replace-file.js';
