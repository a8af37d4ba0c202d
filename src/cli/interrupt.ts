/**
 * Turns the first Ctrl-C or SIGTERM into an aborted signal, so that a command can close its record; a second one ends
 * the process as usual.
 */
export function interruptible(): {signal: AbortSignal; off(): void} {
  const stop = new AbortController();
  // Not `once`: whoever else listens, as an open journal does, would find the signal unhandled and end the process.
  const interrupt = (signal: NodeJS.Signals): void => {
    if (!stop.signal.aborted) return stop.abort();
    off();
    process.kill(process.pid, signal);
  };
  function off(): void {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return {signal: stop.signal, off};
}
