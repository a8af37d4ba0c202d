import {InvarianceError} from '../../errors.js';
import {readRunInfo} from '../read-run.js';
import {createApi, type RunPath} from './api.js';
import {rowKey} from './own-run.js';
import {createPatience} from './patience.js';
import {RowMaker, type Pictures, type Row} from './rows.js';
import {createSession, refusal, type Session} from './session.js';
import type {UploadState} from './state.js';
import {Summary} from './summary.js';
import {journalRecords, journalState} from './tail.js';
import {defaultTiming, type Timing} from './timing.js';
import {exitCodes, requestRows, type Uploaded} from './upload.js';

/** Lines of history asked for at a time. */
const pageLines = 1_000;

export interface RepairOptions {
  folder: string;
  state: UploadState;
  apiKey: string;
  timing?: Partial<Timing>;
  pictures?: Pictures;
  fetch?: typeof globalThis.fetch;
}

/** Which of our rows a run of the user's holds, by the number each carries. */
async function rowsHeld(
  session: Session,
  api: ReturnType<typeof createApi>,
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

/**
 * Puts into the user's own run what its SDK lost: our rows carry their number, so those that are missing are known,
 * and they are appended behind the lines that are there. Their place on the axis is `train/global_step`, so a chart
 * does not show that they came late. Not while the run is open: its client counts the lines.
 */
export async function repairOwnRun({
  folder,
  state,
  apiKey,
  timing,
  pictures,
  fetch,
}: RepairOptions): Promise<Uploaded> {
  const {opened, settings} = state;
  if (opened === null) {
    throw new InvarianceError(
      'tracker_failed',
      `${folder} was logged into a run whose owner is not known; name --entity`,
    );
  }
  const times = {...defaultTiming, ...timing};
  const info = await readRunInfo(folder);
  const runState = await journalState(folder);
  if (runState === 'running') {
    throw new InvarianceError(
      'tracker_failed',
      `${folder} is still being written; sync it when its run has ended`,
    );
  }
  const api = createApi({baseUrl: settings.baseUrl, apiKey, timeoutMs: times.requestMs, fetch});
  const patience = createPatience({
    timing: times,
    sleep: ms => new Promise(resolve => setTimeout(resolve, ms)),
  });
  const session = createSession({api, patience});
  for (;;) {
    const status = await session.status(opened);
    if (status === null) throw refusal(404, opened.url);
    const held = await rowsHeld(session, api, opened, status.lastStep ?? status.lines);
    const maker = new RowMaker({info, pictures});
    const summary = new Summary(info.layers, status.summary);
    const missing: Row[] = [];
    for (const record of journalRecords(folder)) {
      for (const row of await maker.rows(record, {draw: !held.has(maker.next)})) {
        summary.add(row.values);
        if (!held.has(row.values._step as number)) missing.push(row);
      }
    }
    if (missing.length === 0) return {rows: maker.next, url: opened.url};
    const part = missing.slice(0, requestRows);
    await session.uploadFiles(
      opened,
      part.flatMap(row => row.files),
    );
    const content = part.map(({values}, i) =>
      JSON.stringify({...values, [rowKey]: values._step, _step: status.lines + i}),
    );
    const outcome = await session.post(opened, {
      files: {
        'wandb-history.jsonl': {offset: status.lines, content},
        'wandb-summary.json': {offset: 0, content: [JSON.stringify(summary.values)]},
      },
      complete: true,
      exitcode: exitCodes[runState],
    });
    if (outcome.status === 'refused' && outcome.code !== 400) throw refusal(outcome.code, outcome.reason);
    // Whether it took effect shows when the rows are looked for again.
    if (
      outcome.status !== 'ok' &&
      !(await patience.failure(outcome.status === 'retry' ? outcome.afterMs : null))
    ) {
      throw new InvarianceError('tracker_failed', `W&B could not be reached: ${outcome.reason}; sync again`);
    }
  }
}
