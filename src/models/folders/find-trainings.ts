import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {checkpointName} from './checkpoint-names.js';
import {ON_THE_WAY} from './find-checkpoints.js';

/**
 * Folders in `folder` that are the output folders of trainings of their own, as `seed-1` and `seed-2` of a sweep: they
 * hold checkpoints and are none by their names. Reads names only, of the folder and of the folders in it.
 */
export async function findTrainings(folder: string): Promise<string[]> {
  const entries = await readdir(folder, {withFileTypes: true}).catch(() => []);
  const children = entries
    .filter(entry => entry.isDirectory() && !entry.name.startsWith('.') && !ON_THE_WAY.test(entry.name))
    .filter(({name}) => checkpointName(name, 'folder').format === 'folder')
    .map(({name}) => join(folder, name));
  const holds = await Promise.all(children.map(holdsCheckpoints));
  return children.filter((_, i) => holds[i]).sort();
}

async function holdsCheckpoints(folder: string): Promise<boolean> {
  const entries = await readdir(folder, {withFileTypes: true}).catch(() => []);
  return entries.some(entry => {
    if (entry.isDirectory()) return checkpointName(entry.name, 'folder').format !== 'folder';
    const stem = /^(.+)\.safetensors$/.exec(entry.name)?.[1];
    return stem !== undefined && checkpointName(stem, 'file').format !== 'file';
  });
}
