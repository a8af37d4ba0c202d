import type {LayerName} from '../../../types.js';
import {stepKey, type SummaryKind} from '../../keys.js';
import {summaryKinds} from './config.js';
import {quotedBytes} from './quoted-bytes.js';
import {runKeys} from './rows.js';

/** Longest summary inside a request, in bytes; W&B refuses requests of 10 MiB. */
const summaryBytes = 9 * 1024 * 1024;

/** A summary as its file holds it; keys that find no room in a request are left out. */
export function summaryText(values: Record<string, unknown>): string {
  const text = JSON.stringify(values);
  if (quotedBytes(text) <= summaryBytes) return text;
  let room = summaryBytes;
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(values).filter(([key, value]) => {
        const bytes = quotedBytes(JSON.stringify({[key]: value}));
        const fits = bytes <= room;
        if (fits) room -= bytes;
        return fits;
      }),
    ),
  );
}

/**
 * The summary of a run, folded over its rows: `{min, last}` or `{max, last}` for keys that say so, the last value
 * for all others. Last is what belongs to the highest step, as old checkpoints may be measured newest first.
 */
export class Summary {
  readonly #kinds: Map<string, readonly SummaryKind[]>;
  readonly #values: Record<string, unknown>;
  #step = -Infinity;

  /** `initial` is what the server holds of a run that is resumed; rows replace it key by key. */
  constructor(layers: readonly LayerName[], initial: Readonly<Record<string, unknown>> = {}) {
    this.#kinds = summaryKinds(layers);
    this.#values = {...initial};
    for (const key of this.#kinds.keys()) delete this.#values[key];
  }

  add(row: Readonly<Record<string, unknown>>): void {
    const step = typeof row[stepKey] === 'number' ? row[stepKey] : this.#step;
    const isEarlier = step < this.#step;
    this.#step = Math.max(this.#step, step);
    for (const [key, value] of Object.entries(row)) {
      const kinds = this.#kinds.get(key);
      const isKept = isEarlier && key in this.#values && !key.startsWith('_') && !runKeys.has(key);
      if (kinds === undefined || typeof value !== 'number') {
        if (!isKept) this.#values[key] = value;
        continue;
      }
      const old = (this.#values[key] ?? {}) as Partial<Record<SummaryKind, number>>;
      const kept: Partial<Record<SummaryKind, number>> = {};
      if (kinds.includes('min')) kept.min = Math.min(old.min ?? value, value);
      if (kinds.includes('max')) kept.max = Math.max(old.max ?? value, value);
      if (kinds.includes('last')) kept.last = isKept ? old.last : value;
      this.#values[key] = kept;
    }
  }

  get values(): Record<string, unknown> {
    const runtime = this.#values._runtime;
    return {
      ...this.#values,
      ...(typeof runtime === 'number' ? {_wandb: {runtime: Math.floor(runtime)}} : {}),
    };
  }
}
