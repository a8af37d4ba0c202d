import {existsSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {InvarianceError} from '../errors.js';
import {listRuns, readable, runFiles} from '../journal/index.js';

/** @throws InvarianceError `bad_option` for what cannot hold runs */
export function checkRunsFolder(folder: string): void {
  const found = statSync(folder, {throwIfNoEntry: false});
  if (found === undefined)
    throw new InvarianceError('bad_option', `there is no folder ${folder}: name the folder of the runs`);
  if (!found.isDirectory())
    throw new InvarianceError('bad_option', `${folder} is a file: name the folder of the runs`);
}

/** So many runs are named in a message. */
const NAMED = 8;

/**
 * A run folder, from what names a run: that folder, or in `dir` its id, the beginning of it, or its name, where only one
 * run has it.
 * @throws InvarianceError `bad_record` where no run or several have it, with those there are
 */
export async function runFolder(run: string, dir: string): Promise<string> {
  const isRun = (folder: string): boolean => existsSync(join(folder, runFiles.info));
  for (const folder of [run, join(dir, run)]) if (isRun(folder)) return folder;
  const runs = readable(await listRuns(dir));
  const found = runs.filter(({info}) => info.name === run || info.id.startsWith(run));
  if (found.length === 1) return found[0]!.folder;
  const ids = (found.length > 0 ? found : runs).map(({info}) => info.id);
  const listed = `${ids.slice(0, NAMED).join(', ')}${ids.length > NAMED ? ', …' : ''}`;
  throw new InvarianceError(
    'bad_record',
    found.length > 0
      ? `${found.length} runs in ${dir} are called ${run}; name one of ${listed}`
      : `no run ${run} in ${dir}; ${ids.length > 0 ? `there are ${listed}` : 'there is none: name the folder of the runs with --dir'}`,
  );
}
