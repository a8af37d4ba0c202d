import {InvarianceError, messageOf} from '../../errors.js';
import {lockRun} from './lock.js';
import type {Pictures} from './rows.js';
import {defaultTiming, type Timing} from './timing.js';
import {uploadRun, type UploadOptions} from './upload.js';

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
}

/** Asked to end, it still delivers for this long, in milliseconds. */
const graceMs = 5_000;

/**
 * The uploading process: follows the journal until it ends or its training process is gone, delivers the rest, and
 * ends. It lives in a session of its own, so that Ctrl-C in a terminal reaches the training alone; SIGTERM gives it
 * a few seconds.
 */
export async function runUploader(
  {folder, timing}: UploaderTask,
  {apiKey, pictures, parent = process}: {apiKey: string; pictures?: Pictures; parent?: NodeJS.Process},
): Promise<void> {
  const tell = (message: UploaderMessage): void => {
    if (parent.connected) parent.send?.(message, () => {});
  };
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => setTimeout(() => process.exit(143), graceMs).unref());
  const {pollMs} = {...defaultTiming, ...timing};
  let unlock = lockRun(folder);
  while (unlock === null) {
    // An uploader of this run from before a resume still delivers; this one takes over when it ends.
    await new Promise(resolve => setTimeout(resolve, pollMs));
    unlock = lockRun(folder);
  }
  const options: UploadOptions = {
    folder,
    apiKey,
    timing,
    pictures,
    isLive: () => parent.connected,
    withoutEnd: 'crashed',
    onOpened: url => tell({type: 'opened', url}),
    onNotice: notice => tell({type: 'notice', ...notice}),
  };
  try {
    const {rows, url} = await uploadRun(options);
    tell({type: 'done', rows, url});
  } catch (error) {
    if (!(error instanceof InvarianceError))
      tell({type: 'notice', level: 'warning', message: messageOf(error)});
    tell({type: 'failed', message: messageOf(error)});
  } finally {
    unlock();
    if (parent.connected) parent.disconnect();
  }
}
