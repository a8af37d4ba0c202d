import {existsSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {InvarianceError} from '../errors.js';
import {runFiles} from '../tracker/index.js';

/** @throws InvarianceError `bad_option` for what cannot hold runs */
export function checkRunsFolder(folder: string): void {
  const found = statSync(folder, {throwIfNoEntry: false});
  if (found === undefined)
    throw new InvarianceError('bad_option', `there is no folder ${folder}: name the folder of the runs`);
  if (!found.isDirectory())
    throw new InvarianceError('bad_option', `${folder} is a file: name the folder of the runs`);
}

/** A run folder, from what names a run: that folder, or the id that `list` shows of a run in `dir`. */
export function runFolder(run: string, dir: string): string {
  const inDir = join(dir, run);
  const isRun = (folder: string): boolean => existsSync(join(folder, runFiles.info));
  return !isRun(run) && isRun(inDir) ? inDir : run;
}
