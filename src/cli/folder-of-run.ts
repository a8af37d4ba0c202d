import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {runFiles} from '../tracker/index.js';

/** A run as people name it: its folder, or its id in the folder of the runs. */
export function folderOfRun(run: string, dir: string): string {
  return existsSync(join(run, runFiles.info)) ? run : join(dir, run);
}
