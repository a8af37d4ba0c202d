export {linkFolder, removeFolder, sweep} from './folders.js';
export {InTurn} from './in-turn.js';
export {ioFailed} from './io-failed.js';
export {isAlive} from './is-alive.js';
export {type Lock, takeLock} from './lock-file.js';
export {fateOf, type ProcessIdentity, thisProcess} from './process-identity.js';
export {replaceFile, replaceFileSync} from './replace-file.js';
export {replaceFolder} from './replace-folder.js';
