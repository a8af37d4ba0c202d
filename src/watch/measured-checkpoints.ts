import {readFile} from 'node:fs/promises';
import {join, relative} from 'node:path';
import {z} from 'zod';
import {replaceFile} from '../disk/index.js';
import {InvarianceError, messageOf} from '../errors.js';

/** In the run folder: what the watch remembers of each checkpoint, by its path in the training folder. */
const FILE = 'watched.json';

const remembered = z.record(
  z.string(),
  z.object({
    /** Its place on the time axis, given once. */
    step: z.number(),
    /** Of its weights when they were measured or passed over, Unix milliseconds; null until then. */
    mtime: z.number().nullable(),
  }),
);

/** A checkpoint in the state it is in now. */
interface Placed {
  path: string;
  step: number;
  mtime: number;
}

/** What is done and what is not, from one watch of a folder to the next. */
export interface MeasuredCheckpoints {
  /** The step this path once got. */
  stepOf(path: string): number | undefined;
  /** The highest step that any checkpoint got; 0 before the first. */
  lastStep(): number;
  /** Whether this checkpoint was measured or passed over in the state it is in now. */
  isDone(checkpoint: Pick<Placed, 'path' | 'mtime'>): boolean;
  /** Gives a path its step. */
  place(path: string, step: number): void;
  done(checkpoint: Placed): void;
  /** Returns when all of it is on disk. */
  saved(): Promise<void>;
}

/**
 * @param run the run folder
 * @param folder the training folder
 * @param onTrouble told once when the file cannot be written; the next watch then measures again what this one did
 * @throws InvarianceError `bad_record` for a file that cannot be read
 */
export async function openMeasuredCheckpoints({
  run,
  folder,
  onTrouble,
}: {
  run: string;
  folder: string;
  onTrouble: (message: string) => void;
}): Promise<MeasuredCheckpoints> {
  const file = join(run, FILE);
  const entries = new Map(Object.entries(await read(file)));
  const keyOf = (path: string): string => relative(folder, path) || '.';
  let writing: Promise<void> | null = null;
  let stale = false;
  let troubled = false;

  async function write(): Promise<void> {
    while (stale) {
      stale = false;
      const text = `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
      await replaceFile(file, text).catch((error: unknown) => {
        if (!troubled) onTrouble(messageOf(error));
        troubled = true;
      });
    }
    writing = null;
  }

  function set(path: string, entry: z.infer<typeof remembered>[string]): void {
    entries.set(keyOf(path), entry);
    stale = true;
    writing ??= write();
  }

  return {
    stepOf: path => entries.get(keyOf(path))?.step,
    lastStep: () => [...entries.values()].reduce((last, {step}) => Math.max(last, step), 0),
    isDone: ({path, mtime}) => entries.get(keyOf(path))?.mtime === mtime,
    place: (path, step) => set(path, {step, mtime: null}),
    done: ({path, step, mtime}) => set(path, {step, mtime}),
    saved: () => writing ?? Promise.resolve(),
  };
}

async function read(file: string): Promise<z.infer<typeof remembered>> {
  try {
    return remembered.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new InvarianceError(
      'bad_record',
      `cannot read ${file}: ${messageOf(cause)}; delete it to have every checkpoint measured again`,
      {cause},
    );
  }
}
