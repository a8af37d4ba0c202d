import {messageOf} from '../errors.js';
import type {RunEvent} from '../types.js';

export type Notice = Extract<RunEvent, {type: 'notice'}>;

/** What went wrong, or was decided for the user, while training ran. */
export interface Notices {
  /**
   * Records it, once a message, and says it on the console, once a code. Mere information is said only where it is to be
   * `aloud`, and never where the user wants it `quiet`. Counted. `step` is the one it is about: a resume from before it
   * supersedes it.
   */
  raise(
    level: Notice['level'],
    code: string,
    message: string,
    options?: {aloud?: boolean; step?: number},
  ): void;
  /**
   * Runs our own work inside somebody's training: what it throws becomes a notice, and `undefined` comes back.
   * In strict mode it throws.
   */
  guard<T>(code: string, work: () => T | Promise<T>): Promise<T | undefined>;
  /** How many of each code, repeats included. */
  counts(): Readonly<Record<string, number>>;
}

export function createNotices({
  emit,
  print,
  now,
  strict,
  quiet = false,
}: {
  emit: (notice: Notice) => void;
  print: (line: string) => void;
  now: () => number;
  strict: boolean;
  quiet?: boolean;
}): Notices {
  const counts: Record<string, number> = {};
  const said = new Set<string>();

  function raise(
    level: Notice['level'],
    code: string,
    message: string,
    {aloud = false, step}: {aloud?: boolean; step?: number} = {},
  ): void {
    counts[code] = (counts[code] ?? 0) + 1;
    const key = `${code}\n${message}`;
    if (said.has(key)) return;
    said.add(key);
    emit({type: 'notice', time: now(), level, code, message, ...(step !== undefined && {step})});
    const isSaid = level === 'info' ? aloud && !quiet : true;
    if (counts[code] === 1 && isSaid) print(`wandb-invariance: ${message}`);
  }

  return {
    raise,
    counts: () => ({...counts}),
    async guard(code, work) {
      try {
        return await work();
      } catch (error) {
        if (strict) throw error;
        raise('error', code, messageOf(error));
        return undefined;
      }
    },
  };
}
