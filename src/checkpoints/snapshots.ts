import {readdir, readFile, rm} from 'node:fs/promises';
import {join} from 'node:path';
import type {FolderContents} from '../models/index.js';
import type {Moment} from '../types.js';
import {linkFolder, removeFolder} from '../disk/index.js';

/** The model's weights at one moment, waiting on disk to be measured. */
export interface Snapshot {
  folder: string;
  moment: Moment;
  acquire: boolean;
}

const FILE = 'moment.json';

/** Snapshots of one run, in one folder; they outlive a kill and are measured when the run is resumed. */
export interface Snapshots {
  /** Takes one, whole or not at all, with what `save` writes. */
  take(
    moment: Moment,
    options: {acquire: boolean; save: (folder: string, files: FolderContents) => Promise<void>},
  ): Promise<Snapshot>;
  remove(snapshot: Snapshot): Promise<void>;
  /** Those on disk, by step. */
  list(): Promise<Snapshot[]>;
  clear(): Promise<void>;
}

export function openSnapshots(dir: string): Snapshots {
  return {
    async take(moment, {acquire, save}) {
      const folder = join(dir, `step-${moment.step}`);
      await save(folder, {[FILE]: JSON.stringify({moment, acquire})});
      return {folder, moment, acquire};
    },
    remove: ({folder}) => removeFolder(folder),
    async list() {
      const names = (await readdir(dir).catch(() => [] as string[])).filter(name => name.startsWith('step-'));
      const found = await Promise.all(
        names.map(async name => {
          const folder = join(dir, name);
          const kept = JSON.parse(await readFile(join(folder, FILE), 'utf8')) as Omit<Snapshot, 'folder'>;
          return {folder, ...kept};
        }),
      );
      return found.sort((a, b) => a.moment.step - b.moment.step);
    },
    clear: () => rm(dir, {recursive: true, force: true}),
  };
}

/** Makes the files of a model folder appear in another one, at no cost where the file system has links. */
export async function linkModel(from: string, to: string): Promise<void> {
  await linkFolder(from, to);
  await rm(join(to, FILE), {force: true});
}
