/**
 * Turns the first Ctrl-C or SIGTERM into an aborted signal, so that a command can close its record; a second one ends
 * the process as usual.
 */
export function interruptible(): {signal: AbortSignal; off(): void} {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  return {
    signal: stop.signal,
    off() {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    },
  };
}
