import {readFile, stat} from 'node:fs/promises';
import {isJsonObject} from './json-file.js';
import {fileInside} from './links.js';

/** What a Hugging Face Trainer says of itself in a checkpoint's `trainer_state.json`. */
export interface TrainerState {
  /** Optimiser steps done. */
  readonly step: number;
  /** Epochs done, fractional; null where it does not say. */
  readonly epoch: number | null;
  /** Steps of the whole training; null where it does not say. */
  readonly maxSteps: number | null;
  /** What was logged, oldest first. */
  readonly history: readonly LogEntry[];
}

/** File of a checkpoint folder. */
export const TRAINER_STATE = 'trainer_state.json';

export interface LogEntry {
  readonly step: number;
  readonly epoch: number | null;
  /** Loss, learning rate, accuracy, … by the Trainer's names; only finite numbers. */
  readonly values: Readonly<Record<string, number>>;
}

/** Weights this young may still wait for the state of their own training. */
const FRESH_MS = 600_000;

/**
 * Reads `trainer_state.json` of a checkpoint folder. Undefined where there is none, or none that can be read: it adds
 * loss and learning rate to a reading, and a reading does not fail for want of them. A link that leaves the folder is
 * not followed.
 *
 * @param notBefore Unix milliseconds, when the weights were written. A Trainer writes its state after them: an older one
 *   beside fresh weights was left by another training and counts as none. Beside weights of long ago it is theirs, as
 *   what copies a folder writes its files in any order.
 */
export async function readTrainerState(
  folder: string,
  {notBefore = 0, now = Date.now}: {notBefore?: number; now?: () => number} = {},
): Promise<TrainerState | undefined> {
  try {
    const path = await fileInside(folder, TRAINER_STATE);
    if (path === undefined) return undefined;
    const isOlder = Math.round((await stat(path)).mtimeMs) < notBefore;
    if (isOlder && now() - notBefore < FRESH_MS) return undefined;
    return parseTrainerState(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The last value of everything that was logged at `step` or before. */
export function loggedAt(history: readonly LogEntry[], step: number): Record<string, number> {
  return Object.fromEntries(
    history.filter(entry => entry.step <= step).flatMap(({values}) => Object.entries(values)),
  );
}

function parseTrainerState(text: string): TrainerState | undefined {
  let json: unknown;
  try {
    json = JSON.parse(withoutNaN(text));
  } catch {
    return undefined;
  }
  if (!isJsonObject(json) || !isCount(json['global_step'])) return undefined;
  const {global_step: step, epoch, max_steps: maxSteps, log_history: log} = json;
  return {
    step,
    epoch: typeof epoch === 'number' ? epoch : null,
    maxSteps: isCount(maxSteps) && maxSteps > 0 ? maxSteps : null,
    history: (Array.isArray(log) ? log : []).flatMap(entryOf).sort((a, b) => a.step - b.step),
  };
}

function entryOf(entry: unknown): LogEntry[] {
  if (!isJsonObject(entry) || !isCount(entry['step'])) return [];
  const {step, epoch, ...rest} = entry;
  const values = Object.fromEntries(Object.entries(rest).filter(([, value]) => Number.isFinite(value)));
  return [
    {
      step: step,
      epoch: typeof epoch === 'number' ? epoch : null,
      values: values as Record<string, number>,
    },
  ];
}

/** Python writes a loss that diverged as NaN or Infinity, which is no JSON. */
function withoutNaN(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, token => (token.startsWith('"') ? token : 'null'));
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
