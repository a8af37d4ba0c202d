import {closeSync, fsyncSync, openSync} from 'node:fs';
import {join} from 'node:path';
import {runFiles} from '../../../journal/index.js';

/** What the server holds must be on our disk, or a power failure would number new rows as old ones. */
export function syncJournal(folder: string): void {
  for (const kind of ['reading', 'event'] as const) {
    try {
      const fd = openSync(join(folder, runFiles[kind]), 'r');
      fsyncSync(fd);
      closeSync(fd);
    } catch {
      // A file that is not there yet, or a disk that cannot: the rows are sent all the same.
    }
  }
}
