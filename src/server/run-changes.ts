import {stat} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {readRun, runFiles, type RecordedRun} from '../tracker/index.js';

/** Milliseconds between looks at a run's files. */
const POLL = 500;

/** Yields a run as it is, and again whenever its journal has grown. */
export async function* runChanges(folder: string, signal: AbortSignal): AsyncGenerator<RecordedRun> {
  const sizeOf = (name: string): Promise<number> =>
    stat(join(folder, name)).then(
      ({size}) => size,
      () => 0,
    );
  let before = '';
  while (!signal.aborted) {
    const sizes = (await Promise.all([runFiles.reading, runFiles.event].map(sizeOf))).join();
    if (sizes !== before) yield await readRun(folder);
    before = sizes;
    await sleep(POLL, undefined, {signal}).catch(() => {});
  }
}
