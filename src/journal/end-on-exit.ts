import type {RunState} from '../types.js';

type End = (state: Exclude<RunState, 'running'>) => void;

const signals = ['SIGINT', 'SIGTERM'] as const;
/** Exit codes that say, in a shell, that a signal ended the program. */
const signalCodes = [130, 143];
/** Those that wait for the end of the process; listeners are there as long as somebody waits. */
const waiting = new Set<End>();

function endAll(state: Exclude<RunState, 'running'>): void {
  const ends = [...waiting];
  waiting.clear();
  unlisten();
  ends.forEach(end => end(state));
}

function onExit(code: number): void {
  endAll(code === 0 ? 'finished' : signalCodes.includes(code) ? 'killed' : 'crashed');
}

function onSignal(signal: NodeJS.Signals): void {
  // The program handles the signal itself: what becomes of the run is its decision.
  if (process.listenerCount(signal) > 1) return;
  endAll('killed');
  process.kill(process.pid, signal);
}

function unlisten(): void {
  process.off('exit', onExit);
  for (const signal of signals) process.off(signal, onSignal);
}

/**
 * Calls `end` once if the process ends before the returned function was called: on SIGINT and SIGTERM with 'killed',
 * on an exit with 130 or 143, by which a program says that it was interrupted, with 'killed' too, with any other code
 * but 0 with 'crashed', on a plain exit with 'finished'. `end` must be synchronous. The process ends with the code and
 * signal it would have ended with anyway.
 */
export function endOnExit(end: End): () => void {
  if (waiting.size === 0) {
    process.on('exit', onExit);
    for (const signal of signals) process.on(signal, onSignal);
  }
  waiting.add(end);
  return () => {
    if (waiting.delete(end) && waiting.size === 0) unlisten();
  };
}
