import type {Cadence} from '../checkpoints/index.js';
import {InvarianceError} from '../errors.js';

/**
 * When something is due: `'100 steps'`, `'1 epoch'`, `'10 minutes'`, `'log'` (steps 1, 2, 4, 8, …), `'log 10'` (steps 1, 10,
 * 100, …), or a list of steps.
 */
export type CadenceText = string | readonly number[];

/** A moment of training on the axes that cadences count along. */
export interface TrainingTime {
  /** Optimiser steps done. */
  step: number;
  /** Whole epochs done. */
  epochs: number;
  /** Milliseconds of training. */
  elapsed: number;
}

/** Base of `'log'` without a number: steps 1, 2, 4, 8, … */
const LOG_BASE = 2;

const MILLISECONDS: Readonly<Record<string, number>> = {second: 1000, minute: 60_000, hour: 3_600_000};

/**
 * Reads a cadence:
 *
 * ```
 * cadence = [count] unit | 'log' [base] | list of steps
 * unit    = 'step' | 'epoch' | 'second' | 'minute' | 'hour', plural or not
 * count   = number > 0, whole for steps and epochs; 1 where absent
 * base    = number > 1; 2 where absent
 * ```
 * @param option names the option in the error
 * @throws InvarianceError `bad_option` with the value refused and the forms there are
 */
export function parseCadence(value: CadenceText, option = 'every'): Cadence {
  if (Array.isArray(value)) return parseList(value, option);
  const text = typeof value === 'string' ? value.trim().toLowerCase() : '';
  const [, count, unit] = /^(?:(\S+)\s+)?(step|epoch|second|minute|hour)s?$/.exec(text) ?? [];
  if (unit !== undefined) return parseRegular(Number(count ?? 1), unit, value, option);
  const [log, base] = /^log(?:\s+(\S+))?$/.exec(text) ?? [];
  if (log !== undefined) {
    const number = Number(base ?? LOG_BASE);
    if (Number.isFinite(number) && number > 1) return {kind: 'log', base: number};
    throw refused(value, option, "the base of 'log' must be a number above 1");
  }
  const isBare = typeof (value as unknown) === 'number';
  const hint = isBare ? `it has no unit: did you mean '${String(value)} steps'?` : undefined;
  throw refused(value, option, hint);
}

function parseRegular(every: number, unit: string, value: CadenceText, option: string): Cadence {
  if (!Number.isFinite(every) || every <= 0)
    throw refused(value, option, 'the count must be a number above 0');
  const milliseconds = MILLISECONDS[unit];
  if (milliseconds !== undefined) return {kind: 'time', every: every * milliseconds};
  if (!Number.isInteger(every)) throw refused(value, option, `the count of ${unit}s must be whole`);
  return {kind: unit === 'step' ? 'steps' : 'epochs', every};
}

function parseList(value: readonly number[], option: string): Cadence {
  const steps = [...new Set(value)].sort((a, b) => a - b);
  if (steps.length === 0 || steps.some(step => !Number.isInteger(step) || step < 0)) {
    throw refused(value, option, 'a list holds at least one step, each a whole number of 0 or more');
  }
  return {kind: 'list', steps};
}

function refused(value: unknown, option: string, why?: string): InvarianceError {
  const forms = "use '100 steps', '1 epoch', '10 minutes', 'log', 'log 10' or a list of steps";
  return new InvarianceError(
    'bad_option',
    `invalid ${option}: ${JSON.stringify(value) ?? String(value)}${why === undefined ? '' : `, ${why}`}; ${forms}`,
  );
}

/** Whether a moment of the cadence lies after `before` and not after `now`. */
export function isDue(cadence: Cadence, before: TrainingTime, now: TrainingTime): boolean {
  return momentsUntil(cadence, now) > momentsUntil(cadence, before);
}

function momentsUntil(cadence: Cadence, {step, epochs, elapsed}: TrainingTime): number {
  switch (cadence.kind) {
    case 'steps':
      return Math.floor(step / cadence.every);
    case 'epochs':
      return Math.floor(epochs / cadence.every);
    case 'time':
      return Math.floor(elapsed / cadence.every);
    case 'list':
      return cadence.steps.filter(planned => planned > 0 && planned <= step).length;
    case 'log':
      // round(base^k) <= step exactly where base^k < step + 1/2.
      return step < 1 ? 0 : Math.ceil(Math.log(step + 0.5) / Math.log(cadence.base));
  }
}

/**
 * The same cadence half as often, on a subset of its own moments, so that runs stretched differently still share
 * them. A logarithmic one thins out by itself and a list is the user's own word: both come back unchanged.
 */
export function stretch(cadence: Cadence): Cadence {
  return 'every' in cadence ? {...cadence, every: cadence.every * 2} : cadence;
}

/** For people: "every 200 steps". */
export function describeCadence(cadence: Cadence): string {
  switch (cadence.kind) {
    case 'steps':
    case 'epochs':
      return cadence.every === 1
        ? `every ${cadence.kind.slice(0, -1)}`
        : `every ${cadence.every} ${cadence.kind}`;
    case 'time':
      return `every ${cadence.every / 1000} seconds`;
    case 'list':
      return `at steps ${cadence.steps.join(', ')}`;
    case 'log':
      return `at steps 1, ${Math.round(cadence.base)}, ${Math.round(cadence.base ** 2)}, …`;
  }
}
