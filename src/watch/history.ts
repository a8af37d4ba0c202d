import type {LogEntry} from '../models/index.js';

/** What a training logged, by step: of several rows at one step, all values. */
export type Logged = Map<number, Record<string, number>>;

export function logOf(rows: readonly Pick<LogEntry, 'step' | 'values'>[]): Logged {
  const log: Logged = new Map();
  for (const {step, values} of rows) log.set(step, {...log.get(step), ...values});
  return log;
}

/**
 * The first step at which what a training says it logged contradicts what is on record, so that it is another training;
 * null where it goes on. What lies before its first row says nothing: a loop that was resumed may have logged anew.
 */
export function departure(recorded: Logged, history: readonly LogEntry[]): number | null {
  const log = logOf(history);
  const [first, last] = [history[0]?.step ?? 0, history.at(-1)?.step ?? -1];
  const differing = [...recorded].filter(([step, values]) => {
    if (step < first || step > last) return false;
    const now = log.get(step);
    return now === undefined || Object.keys(values).some(key => key in now && now[key] !== values[key]);
  });
  return differing.reduce<number | null>((least, [step]) => Math.min(least ?? step, step), null);
}
