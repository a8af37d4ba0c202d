import {existsSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {basename, join, resolve} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {InvarianceError} from '../errors.js';
import {describeRun, openJournal, otherWriter, runFiles} from '../journal/index.js';
import {runsFolder} from '../runs-folder.js';
import {createDispatcher} from '../tracker/index.js';
import {findRun} from './find-run.js';
import {openMeasuredCheckpoints} from './measured-checkpoints.js';
import {WATCH_DEFAULTS, type WatchOptions} from './options.js';
import {WatchRecord} from './record.js';

/** Milliseconds the trackers get to deliver at the end; the journal holds everything anyway. */
const PATIENCE = 60_000;

/**
 * Opens the run that belongs to the folder. While another watch writes it, that one's end is waited for.
 * @throws InvarianceError `fingerprint_mismatch` where the run was measured otherwise, `bad_record` where the wait was
 *   interrupted, `io_failed`
 */
export async function openRecord(options: WatchOptions): Promise<WatchRecord> {
  const {folder, measurer, pretrained, dir = runsFolder(), trackers = []} = options;
  const measured = await measurer.info();
  const fingerprint = measured.fingerprint.id;
  const id = options.run ?? (await findRun({folder, dir, fingerprint}));
  const journal = openJournal(join(dir, id));
  await untilFree(journal.folder, options);

  const before = existsSync(join(journal.folder, runFiles.info)) ? await journal.readBack() : null;
  if (before !== null && before.info.fingerprint.id !== fingerprint)
    throw new InvarianceError(
      'fingerprint_mismatch',
      `${journal.folder} holds a run that was measured otherwise; give this one another name with --run`,
    );
  const info = await describeRun({
    ...measured,
    id,
    name: options.name ?? (basename(resolve(folder)) || 'run'),
    config: {...options.config, watched: resolve(folder), pretrained: resolve(pretrained)},
  });
  const dispatcher = createDispatcher({
    journal,
    trackers,
    patience: PATIENCE,
    now: Date.now,
  });
  const checkpoints = await openMeasuredCheckpoints({
    run: journal.folder,
    folder,
    onTrouble: message =>
      dispatcher.event({
        type: 'notice',
        time: Date.now(),
        level: 'warning',
        code: 'memory_failed',
        message: `${message}; the next watch measures again what this one did`,
      }),
  });
  await dispatcher.start(info, {resumed: before !== null});
  const held = join(journal.folder, 'held');
  // Of a watch that was killed.
  await rm(held, {recursive: true, force: true}).catch(() => {});
  return new WatchRecord({
    watched: folder,
    folder: journal.folder,
    info,
    held,
    checkpoints,
    dispatcher,
    before,
  });
}

/** Returns when no other process writes the run. */
async function untilFree(
  folder: string,
  {signal, poll = WATCH_DEFAULTS.poll, say = () => {}}: WatchOptions,
): Promise<void> {
  for (let said = false; existsSync(join(folder, runFiles.info)); said = true) {
    const writer = await otherWriter(folder);
    if (writer === null) return;
    if (signal?.aborted)
      throw new InvarianceError(
        'bad_record',
        `interrupted while waiting: ${folder} is being written by process ${writer}`,
      );
    if (!said) say(`${folder} is being written by process ${writer}: this watch begins when that one ends`);
    await sleep(poll * 1000, undefined, {signal}).catch(() => {});
  }
}
