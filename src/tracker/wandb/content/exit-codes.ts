import type {RunState} from '../../../types.js';

/** What W&B shows of a run that ended: 0 finished, 255 killed, anything else failed. */
export const exitCodes: Record<Exclude<RunState, 'running'>, number> = {finished: 0, crashed: 1, killed: 255};
