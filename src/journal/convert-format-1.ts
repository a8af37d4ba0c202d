import {readFile, rm} from 'node:fs/promises';
import {statSync} from 'node:fs';
import {join} from 'node:path';
import {replaceFile} from '../disk/index.js';
import {lineOf} from './journal-record.js';
import {isOfFormat1, journalRecords} from './journal-tail.js';
import {filesOfFormat1, runFiles} from './run-files.js';

/** Stands for a record of format 1 that cannot be read, so that those behind it keep their numbers. */
const LOST = JSON.stringify({type: 'lost'});

/**
 * Brings a run folder of format 1 to format 2, so that the run can go on: its two files become one, in the order of their
 * `seq`, which become the numbers of the lines. The two files go when the one is on the disk: killed at any moment, this is
 * done or can be done again. Nothing where the folder is not of format 1.
 * @throws InvarianceError `io_failed`; the two files are still there
 */
export async function convertFormat1(folder: string): Promise<void> {
  const old = Object.values(filesOfFormat1).map(name => join(folder, name));
  if (isOfFormat1(folder)) {
    // A line has some bytes: a number above this is none.
    const most = old.reduce((sum, path) => sum + (statSync(path, {throwIfNoEntry: false})?.size ?? 0), 0);
    await replaceFile(join(folder, runFiles.journal), async file => {
      let next = 0;
      for (const record of journalRecords(folder)) {
        if (record.seq > most) break;
        for (; next < record.seq; next++) await file.writeFile(`${LOST}\n`);
        await file.writeFile(`${lineOf(record)}\n`);
        next++;
      }
    });
  }
  const info = join(folder, runFiles.info);
  const described = JSON.parse(await readFile(info, 'utf8')) as {format: number};
  if (described.format === 1)
    await replaceFile(info, `${JSON.stringify({...described, format: 2}, null, 2)}\n`);
  for (const path of old) await rm(path, {force: true});
}
