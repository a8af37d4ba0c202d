import type {WandbConfig} from '../content/config.js';

/** What the server says of a run. */
export interface RunStatus {
  /** W&B's own id of the run, by which it is changed without being opened. */
  id: string;
  lines: number;
  /** `_step` of the last line; null where there is none. */
  lastStep: number | null;
  summary: Record<string, unknown>;
  config: WandbConfig;
}

/** JSON inside JSON, with the bare NaN and Infinity that the official client writes. */
function parsed<T>(text: unknown, otherwise: T): T {
  if (typeof text !== 'string') return otherwise;
  try {
    return JSON.parse(text.replace(/([:[,])(NaN|-?Infinity)(?=[,\]}])/g, '$1null')) as T;
  } catch {
    return otherwise;
  }
}

/** Of the `bucket` in an answer to RunResumeStatus. */
export function runStatusOf(bucket: Record<string, unknown>): RunStatus {
  const tail = parsed<unknown[]>(bucket.historyTail, []).at(-1);
  const last =
    typeof tail === 'string' ? parsed<Record<string, unknown>>(tail, {}) : (tail as object | undefined);
  const lastStep = (last as {_step?: number} | undefined)?._step;
  return {
    id: String(bucket.id),
    lines: Number(bucket.historyLineCount ?? 0),
    lastStep: typeof lastStep === 'number' ? lastStep : null,
    summary: parsed<Record<string, unknown>>(bucket.summaryMetrics, {}),
    config: parsed<WandbConfig>(bucket.config, {}),
  };
}
