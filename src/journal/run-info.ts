import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {InvarianceError, messageOf} from '../errors.js';
import type {RunInfo} from '../types.js';
import {check, schemas} from './record-schema.js';
import {runFiles} from './run-files.js';

/** `run.json` of a run folder. @throws InvarianceError `bad_record` where there is none or it cannot be read. */
export async function readRunInfo(folder: string): Promise<RunInfo> {
  const path = join(folder, runFiles.info);
  const bad = (message: string, cause?: unknown): InvarianceError =>
    new InvarianceError('bad_record', message, {cause});
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw bad(`${folder} is no run folder: it has no ${runFiles.info}`);
    throw new InvarianceError('io_failed', `cannot read ${path}: ${messageOf(cause)}`, {cause});
  }
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch (cause) {
    // The engine's message quotes the file, line feeds and all.
    throw bad(`${path} is not JSON: ${messageOf(cause).replace(/\s+/g, ' ')}`, cause);
  }
  const {format} = Object(info) as {format?: unknown};
  if (format !== 1 && format !== 2)
    throw bad(`${path} has format ${JSON.stringify(format)}; this version reads formats 1 and 2`);
  const checked = check(schemas.info, info);
  if (checked.status === 'wrong') throw bad(`${path} describes no run: ${checked.problem}`);
  return checked.value;
}
