import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {InvarianceError, messageOf} from '../../../errors.js';
import {deliverRun} from './deliver.js';
import {lockRun, type Lock} from './lock.js';
import type {Pictures} from '../content/rows.js';
import {defaultTiming, type Timing} from '../protocol/timing.js';

/** What the uploading process tells the training process. */
export type UploaderMessage =
  | {type: 'opened'; url: string}
  | {type: 'notice'; level: 'info' | 'warning'; message: string}
  | {type: 'done'; rows: number; url: string}
  | {type: 'failed'; message: string};

/** What it is started with: argv holds this as JSON, the key is in WANDB_API_KEY. */
export interface UploaderTask {
  folder: string;
  timing: Partial<Timing>;
  /** The training process. */
  writer: number;
}

/** Where an uploading process that cannot even start leaves its last words, in the run folder. */
export const wordsFile = 'wandb-uploader.log';

/** Asked to end, it still delivers for this long, in milliseconds. */
const graceMs = 5_000;

/**
 * The uploading process: follows the journal until it ends or its training process is gone, delivers the rest, and
 * ends. It lives in a session of its own, so that Ctrl-C in a terminal reaches the training alone; SIGTERM gives it
 * a few seconds.
 */
export async function runUploader(
  {folder, timing, writer}: UploaderTask,
  {apiKey, pictures, parent = process}: {apiKey: string; pictures?: Pictures; parent?: NodeJS.Process},
): Promise<void> {
  const tell = (message: UploaderMessage): void => {
    if (parent.connected) parent.send?.(message, () => {});
  };
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => setTimeout(() => process.exit(143), graceMs).unref());
  let release: (() => void) | null = null;
  let end: UploaderMessage;
  try {
    release = await lockOf(folder, {...defaultTiming, ...timing}, message =>
      tell({type: 'notice', level: 'warning', message}),
    );
    const {rows, url} = await deliverRun({
      folder,
      apiKey,
      timing,
      pictures,
      writer,
      isLive: () => parent.connected,
      withoutEnd: 'crashed',
      waits: true,
      onOpened: at => tell({type: 'opened', url: at}),
      onNotice: notice => tell({type: 'notice', ...notice}),
    });
    end = {type: 'done', rows, url};
  } catch (error) {
    if (!(error instanceof InvarianceError))
      tell({type: 'notice', level: 'warning', message: messageOf(error)});
    end = {type: 'failed', message: messageOf(error)};
  }
  release?.();
  rmSync(join(folder, wordsFile), {force: true});
  tell(end);
  if (parent.connected) parent.disconnect();
}

/** Waits for it: an uploader of this run from before a resume still delivers, and this one takes over when it ends. */
async function lockOf(
  folder: string,
  {pollMs, lockNoticeMs}: Timing,
  onNotice: (message: string) => void,
): Promise<() => void> {
  const since = Date.now();
  let lock: Lock;
  let said = false;
  while ((lock = lockRun(folder)).status === 'held') {
    if (!said && Date.now() - since >= lockNoticeMs) {
      onNotice(`the upload of ${folder} waits: ${lock.by}`);
      said = true;
    }
    await new Promise(resolve => setTimeout(resolve, pollMs));
  }
  return lock.release;
}
