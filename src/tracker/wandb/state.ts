import {closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {InvarianceError, messageOf} from '../../errors.js';
import type {WandbSettings} from './settings.js';

/** Name of the file in a run folder. */
export const stateFile = 'wandb.json';

/** What is known of a run's upload, in `wandb.json` beside the journal. Never holds a key. */
export interface UploadState {
  settings: WandbSettings;
  /** Where the run is; null until the server answered the first time. */
  opened: {entity: string; project: string; run: string; url: string} | null;
  /** First history line that is ours; written before the first row is sent. */
  base: number | null;
  /** The user's own run: its client counts the lines, so ours are known by their `invariance/row`. */
  own: boolean;
  /** Rows the server was seen to hold. */
  rows: number;
  /** Journal seq of the `ended` event that the server knows of. */
  completed: number | null;
  /** Checkpoints already uploaded, by path. */
  artifacts: Record<string, string>;
  /** Layers that raised their alert. */
  alerted: string[];
  /** Why the upload stopped, for `sync` and `list`. */
  problem: string | null;
}

export function freshState(settings: WandbSettings, {own = false} = {}): UploadState {
  return {
    settings,
    opened: null,
    base: null,
    own,
    rows: 0,
    completed: null,
    artifacts: {},
    alerted: [],
    problem: null,
  };
}

/** Null where the run never had anything to do with W&B. */
export function readState(folder: string): UploadState | null {
  let text: string;
  try {
    text = readFileSync(join(folder, stateFile), 'utf8');
  } catch {
    return null;
  }
  try {
    return JSON.parse(text) as UploadState;
  } catch (cause) {
    throw new InvarianceError('bad_record', `${join(folder, stateFile)} is not JSON: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Whole or not at all, and on the disk when it returns. */
export function writeState(folder: string, state: UploadState): void {
  const path = join(folder, stateFile);
  const part = `${path}.${process.pid}.part`;
  const fd = openSync(part, 'w');
  try {
    writeSync(fd, `${JSON.stringify(state, null, 2)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(part, path);
}
