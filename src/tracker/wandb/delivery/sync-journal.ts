import {closeSync, fsyncSync, openSync} from 'node:fs';
import {join} from 'node:path';
import {runFiles} from '../../../journal/index.js';

/** What the server holds must be on our disk, or a power failure would number new rows as old ones. */
export function syncJournal(folder: string): void {
  try {
    const fd = openSync(join(folder, runFiles.journal), 'r');
    fsyncSync(fd);
    closeSync(fd);
  } catch {
    // A run of format 1, which nobody writes any more, or a disk that cannot: the rows are sent all the same.
  }
}
