import {existsSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import {hostname} from 'node:os';
import {dirname, join} from 'node:path';
import {replaceFolder} from '../../../disk/index.js';
import {InvarianceError} from '../../../errors.js';
import {concatenate} from '../../../protobuf.js';
import type {RunInfo, RunState} from '../../../types.js';
import {JournalEnd, journalRecords, JournalTail, leftOutText, readRunInfo} from '../../../journal/index.js';
import type {WandbConfig} from '../content/config.js';
import {OfflineLogFile} from './log-file.js';
import {
  exitRecord,
  filesRecord,
  headerRecord,
  historyRecord,
  metricRecords,
  numbered,
  runRecord,
  summaryRecord,
} from './log-records.js';
import {RowMaker, type Pictures} from '../content/rows.js';
import {RunConfig} from '../content/run-config.js';
import {resolveSettings, type Surroundings} from '../settings.js';
import {readState} from '../delivery/state.js';
import {Summary} from '../content/summary.js';
import {exitCodes} from '../content/exit-codes.js';

export interface ExportOptions {
  /** A run folder. */
  folder: string;
  /** Where the folder of the offline run is made. */
  out: string;
  pictures?: Pictures;
  surroundings?: Surroundings;
  onNotice?: (message: string) => void;
}

export interface Exported {
  /** The run folder that was read. */
  folder: string;
  /** What `wandb sync` takes. */
  offlineRun: string;
  rows: number;
}

/** What must be known before the first row is written. */
interface Outline {
  config: WandbConfig;
  /** Null where the journal has no end. */
  ended: Exclude<RunState, 'running'> | null;
}

/**
 * Writes a recorded run as W&B's official client records one offline:
 * `<out>/offline-run-<date>_<time>-<id>/{run-<id>.wandb, files/media/…}`, for `wandb sync`. Rows, config, metrics and
 * summary are those that the upload sends. A torn journal is exported without its torn lines; a journal without an end
 * gives a log without one, as the official client leaves of a process that died. The journal is read twice and never
 * held: memory is a chunk of it, one row, and a few numbers a reading.
 *
 * @throws InvarianceError `bad_record` where the folder is no run, `bad_option` where the offline run is there already,
 * `io_failed` where it cannot be written. Nothing half-written is left under its name.
 */
export async function exportOfflineLog(options: ExportOptions): Promise<Exported> {
  const {folder, out} = options;
  const info = await readRunInfo(folder);
  const state = readState(folder);
  const settings = state?.settings ?? resolveSettings({}, options.surroundings);
  // A run that was logged into the user's own becomes one of itself: the user's history is not ours to write.
  const id = (state?.own ? undefined : settings.id) ?? info.id;
  const offlineRun = join(out, `offline-run-${timestamp(new Date(info.created))}-${id}`);
  if (existsSync(offlineRun)) {
    throw new InvarianceError('bad_option', `${offlineRun} exists already; remove it or name another --out`);
  }
  let rows = 0;
  await replaceFolder(offlineRun, async part => {
    await mkdir(join(part, 'files'));
    const log = new OfflineLogFile(join(part, `run-${id}.wandb`));
    try {
      const outline = outlineOf(options, info);
      let count = 0;
      const write = (record: Uint8Array): void => log.write(concatenate(numbered(++count, record)));
      write(headerRecord(info.versions['wandb-invariance'] ?? 'wandb-invariance'));
      write(runRecord({id, info, settings, config: outline.config, host: hostname()}));
      metricRecords(outline.config).forEach(write);
      rows = await writeRows({options, info, part, ended: outline.ended, write});
    } finally {
      log.close();
    }
  });
  return {folder, offlineRun, rows};
}

interface RowsOptions {
  options: ExportOptions;
  info: RunInfo;
  /** The offline run's folder while it is written. */
  part: string;
  ended: Outline['ended'];
  write: (record: Uint8Array) => void;
}

/** All that follows the metrics; gives the number of rows. */
async function writeRows({options, info, part, ended, write}: RowsOptions): Promise<number> {
  const {folder, pictures, onNotice} = options;
  const maker = new RowMaker({info, pictures, onTrouble: onNotice});
  const summary = new Summary(info.layers);
  for (const record of journalRecords(folder)) {
    for (const {values, files} of await maker.rows(record, {draw: true})) {
      for (const {path, bytes} of files) {
        const to = join(part, 'files', path);
        await mkdir(dirname(to), {recursive: true});
        await writeFile(to, bytes);
      }
      if (files.length > 0) write(filesRecord(files.map(({path}) => path)));
      summary.add(values);
      write(historyRecord(values));
    }
  }
  write(summaryRecord(summary.values));
  const runtime = typeof summary.values._runtime === 'number' ? Math.floor(summary.values._runtime) : 0;
  if (ended !== null) write(exitRecord(exitCodes[ended], runtime));
  return maker.next;
}

function outlineOf({folder, onNotice}: ExportOptions, info: RunInfo): Outline {
  const config = new RunConfig(info);
  const end = new JournalEnd();
  const tail = new JournalTail(folder);
  for (const record of journalRecords(folder, {tail})) {
    config.see(record);
    end.see(record);
  }
  const leftOut = leftOutText(tail.problemsAtEnd);
  if (leftOut !== null) onNotice?.(leftOut);
  return {config: config.value, ended: end.since(0)};
}

/** As W&B names its folders: `20261123_124500`, local time. */
function timestamp(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}`;
  return `${date}_${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}
