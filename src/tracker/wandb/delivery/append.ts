import {existsSync} from 'node:fs';
import {InvarianceError} from '../../../errors.js';
import type {RunInfo, RunState} from '../../../types.js';
import {journalRecords, journalState, readRunInfo} from '../../../journal/index.js';
import {createApi, type Api, type RunPath} from '../protocol/api.js';
import {SideUploads} from './side-uploads.js';
import {MediaUploads} from './media-uploads.js';
import {findRun} from './open-run.js';
import {createBackoff} from '../protocol/backoff.js';
import {RowMaker, rowKey, type Row} from '../content/rows.js';
import {RunConfig} from '../content/run-config.js';
import {createSession, notThere, outOfReach, refusal, runUrl, type Session} from '../protocol/session.js';
import {stateKeeper, type UploadState} from './state.js';
import {quotedBytes, requestBytes, requestRows, summaryFile} from './stream.js';
import {Summary, summaryText} from '../content/summary.js';
import {defaultTiming} from '../protocol/timing.js';
import type {Uploaded, UploadOptions} from './upload.js';
import {exitCodes} from '../content/exit-codes.js';

/** Lines of history asked for at a time. */
const pageLines = 1_000;

export interface AppendOptions extends Pick<
  UploadOptions,
  'folder' | 'apiKey' | 'timing' | 'pictures' | 'fetch' | 'onOpened' | 'onNotice'
> {
  state: UploadState;
  /** Whether somebody may still write to the journal; nobody by default. */
  isLive?: () => boolean;
  /** Wait for the other client to end its run; without it that the run goes on is a failure. */
  waits?: boolean;
}

/** Which of our rows a run holds that another client wrote too, by the number each carries. */
async function rowsHeld(
  session: Session,
  api: Api,
  {entity, project, run}: RunPath,
  lastStep: number,
): Promise<Set<number>> {
  const held = new Set<number>();
  for (let minStep = 0; minStep <= lastStep; minStep += pageLines) {
    const variables = {entity, project, run, minStep, maxStep: minStep + pageLines, pageSize: pageLines};
    const data = await session.attempt(() => api.graphql('HistoryPage', variables));
    const found = data.project as {run: {history: string[]} | null} | null;
    for (const line of found?.run?.history ?? []) {
      const number = new RegExp(`"${rowKey}":(\\d+)`).exec(line)?.[1];
      if (number !== undefined) held.add(Number(number));
    }
  }
  return held;
}

/** What of a journal a run lacks: the rows of one request, and the summary of them all. */
async function missingOf(
  {folder, pictures}: AppendOptions,
  info: RunInfo,
  held: ReadonlySet<number>,
  see: SideUploads['see'],
): Promise<{rows: Row[]; count: number; summary: Record<string, unknown>}> {
  const maker = new RowMaker({info, pictures});
  const summary = new Summary(info.layers);
  const rows: Row[] = [];
  let bytes = 0;
  const isFull = (): boolean => rows.length >= requestRows || bytes >= requestBytes;
  for (const record of journalRecords(folder)) {
    for (const row of await maker.rows(record, {draw: !isFull() && !held.has(maker.next)})) {
      summary.add(row.values);
      const number = row.values._step as number;
      if (held.has(number) || isFull()) continue;
      rows.push(row);
      bytes += quotedBytes(JSON.stringify(row.values));
    }
    see(record);
  }
  return {rows, count: maker.next, summary: summary.values};
}

/**
 * Puts a journal's rows into a run whose lines another client counts: what the user's own SDK lost, or all of them where
 * the run is a training's elsewhere. Our rows carry their number, so those that are missing are known, and they are
 * appended behind the lines that are there once that client has ended its run. Their place on the axis is
 * `train/global_step`, so a chart does not show that they came late. Name, group, state and exit code of the run stay
 * as they are, and of its summary and config what is not ours.
 */
export async function appendToRun(options: AppendOptions): Promise<Uploaded> {
  const {folder, state, apiKey, fetch, isLive = () => false, waits = false} = options;
  const {onOpened = () => {}, onNotice = () => {}} = options;
  const {settings, own} = state;
  const timing = {...defaultTiming, ...options.timing};
  const info = await readRunInfo(folder);
  const warn = (message: string): void => onNotice({level: 'warning', message});
  const save = stateKeeper(folder, state, warn);
  const sleep = async (ms: number): Promise<void> => {
    await new Promise(resolve => setTimeout(resolve, ms));
    if (!existsSync(folder))
      throw new InvarianceError('bad_record', `${folder} was deleted; its upload ends`);
  };
  const api = createApi({baseUrl: settings.baseUrl, apiKey, timeoutMs: timing.requestMs, fetch});
  const newBackoff = () => createBackoff({timing, sleep});
  const session = createSession({api, backoff: newBackoff});
  const posts = newBackoff();
  const media = new MediaUploads({api, folder, state, save, timing, sleep, onNotice: warn});
  const path = await findRun({session, state, info});
  const url = runUrl(settings.baseUrl, path);
  const config = new RunConfig(info);
  const beside = new SideUploads({
    api,
    timing,
    sleep,
    path: async () => path,
    state,
    save,
    onNotice: warn,
  });
  let isConfigSent = false;
  let said = false;
  let held: Set<number> | null = null;

  /** Another client counts the lines: nothing of ours goes there while it does. */
  async function isOthers(): Promise<boolean> {
    if (own !== 'elsewhere') return false;
    const server = await session.state(path);
    if (server !== 'running' && server !== null) return false;
    const standing = server === null ? 'is not there yet' : 'is still being written by its own client';
    if (!waits) {
      throw new InvarianceError(
        'tracker_failed',
        `W&B's run ${path.run} in ${path.entity}/${path.project} ${standing}; sync again when it has ended`,
      );
    }
    if (!said)
      onNotice({level: 'info', message: `W&B's run ${path.run} ${standing}: rows wait until it has ended`});
    said = true;
    return true;
  }

  for (;;) {
    if (await isOthers()) {
      await sleep(timing.heartbeatMs);
      continue;
    }
    const journal = await journalState(folder);
    if (journal === 'running' && !isLive()) {
      throw new InvarianceError(
        'tracker_failed',
        `${folder} is still being written; sync it when its run has ended`,
      );
    }
    const status = await session.status(path);
    if (status === null) throw notThere(path);
    if (state.opened === null) {
      state.opened = {...path, url};
      save();
      onOpened(url);
    }
    held ??= await rowsHeld(session, api, path, status.lastStep ?? status.lines);
    const {rows, count, summary} = await missingOf(options, info, held, record => {
      config.see(record);
      beside.see(record);
    });
    if (rows.length === 0 && journal === 'running') {
      await sleep(timing.postMs);
      continue;
    }
    if (rows.length === 0) {
      beside.end();
      await beside.done();
      const late = await media.deliver(path);
      // Every post counts as a sign of life: it says the end again.
      if (late.length > 0)
        await session.attempt(async () => api.stream(path, {uploaded: late, ...(await endOf(journal))}));
      state.rows = count;
      state.problem = null;
      save();
      return {rows: count, url};
    }
    const end = await endOf(journal);
    if (!isConfigSent) await session.mergeConfig(path, config.value);
    isConfigSent = true;
    const uploaded = await media.upload(
      path,
      rows.flatMap(row => row.files),
    );
    // Behind the last step as well: a client may count its steps as it likes.
    const step = Math.max(status.lines, (status.lastStep ?? -1) + 1);
    const content = rows.map(({values}, i) =>
      JSON.stringify({...values, [rowKey]: values._step, _step: step + i}),
    );
    const theirs = Object.entries(status.summary).filter(([key]) => !key.startsWith('invariance/'));
    const outcome = await api.stream(path, {
      files: {
        'wandb-history.jsonl': {offset: status.lines, content},
        ...summaryFile(summaryText({...summary, ...Object.fromEntries(theirs)})),
      },
      ...(uploaded.length > 0 ? {uploaded} : {}),
      ...end,
    });
    if (outcome.status === 'ok') {
      posts.success();
      for (const {values} of rows) held.add(values._step as number);
      continue;
    }
    if (outcome.status === 'refused' && outcome.code !== 400) throw refusal(outcome.code, outcome.reason);
    // Whether it took effect shows when the rows are looked for again.
    held = null;
    if (!(await posts.failure(outcome.status === 'retry' ? outcome.afterMs : null)))
      throw outOfReach(outcome.reason);
  }

  /** The run's own end, as the server has it; the journal's where the server knows of none. */
  async function endOf(journal: RunState): Promise<{complete?: boolean; exitcode?: number}> {
    const server = await session.state(path);
    if (server === 'finished') return {complete: true, exitcode: exitCodes.finished};
    if (server === 'killed') return {complete: true, exitcode: exitCodes.killed};
    if (server === 'failed' || server === 'crashed') return {complete: true, exitcode: exitCodes.crashed};
    return journal === 'running' ? {} : {complete: true, exitcode: exitCodes[journal]};
  }
}
