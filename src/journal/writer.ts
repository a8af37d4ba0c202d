import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {fateOf, replaceFile, thisProcess, type ProcessIdentity} from '../disk/index.js';
import {runFiles} from './run-files.js';

/** The process that writes a run or wrote it last. */
export interface Writer {
  pid: number;
  lives: boolean;
  /** Number of its first record: an end before that is the end of another process. */
  from: number;
}

/** Says in the run folder that this process writes it, from record `from` on. */
export async function nameWriter(folder: string, {from}: {from: number}): Promise<void> {
  const text = JSON.stringify({...thisProcess(), from}, null, 2);
  await replaceFile(join(folder, runFiles.writer), `${text}\n`);
}

/** 'elsewhere' where the writer is on another machine, in another container, or not known. */
export async function writerOf(folder: string): Promise<Writer | 'elsewhere'> {
  try {
    const text = await readFile(join(folder, runFiles.writer), 'utf8');
    const {from = 0, ...identity} = JSON.parse(text) as ProcessIdentity & {from?: number};
    const fate = fateOf(identity);
    return fate === 'elsewhere' ? fate : {pid: identity.pid, lives: fate !== 'gone', from};
  } catch {
    return 'elsewhere';
  }
}
