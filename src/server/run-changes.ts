import {stat} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {filesOfFormat1, readRun, runFiles, type RecordedRun} from '../journal/index.js';

/** Milliseconds between looks at a run's files. */
const POLL = 500;

/** What a page needs to know of a run to tell whether it is of today: the data of a `changed` event. */
export function stateOf({readings, state}: Pick<RecordedRun, 'readings' | 'state'>): string {
  return JSON.stringify({readings: readings.length, state});
}

/** Yields a run as it is, and again whenever its journal has grown. */
export async function* runChanges(folder: string, signal: AbortSignal): AsyncGenerator<RecordedRun> {
  const sizeOf = (name: string): Promise<number> =>
    stat(join(folder, name)).then(
      ({size}) => size,
      () => 0,
    );
  let before = '';
  while (!signal.aborted) {
    const sizes = (
      await Promise.all([runFiles.journal, ...Object.values(filesOfFormat1)].map(sizeOf))
    ).join();
    if (sizes !== before) yield await readRun(folder);
    before = sizes;
    await sleep(POLL, undefined, {signal}).catch(() => {});
  }
}
