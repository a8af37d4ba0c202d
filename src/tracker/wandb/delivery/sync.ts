import {InvarianceError, messageOf} from '../../../errors.js';
import {journalState, readRunInfo} from '../../../journal/index.js';
import {deliverRun} from './deliver.js';
import {lockRun} from './lock.js';
import {owedText} from './owed.js';
import type {Pictures} from '../content/rows.js';
import {
  findApiKey,
  givenSettings,
  resolveSettings,
  settingsNow,
  withoutRun,
  type Surroundings,
  type WandbOptions,
} from '../settings.js';
import {freshState, readState, writeState, type UploadState} from './state.js';
import type {Timing} from '../protocol/timing.js';

/** Somebody waits for it: a server that stays away for this long, in milliseconds, is a failure. */
export const syncForMs = 120_000;

/** What became of one run. */
export type Synced =
  | {status: 'synced'; folder: string; rows: number; url: string}
  /** All rows are there, and something beside them is not: `owed` says what, for people. */
  | {status: 'owing'; folder: string; rows: number; url: string; owed: string}
  | {status: 'failed'; folder: string; message: string};

export interface SyncOptions extends Pick<WandbOptions, 'apiKey' | 'baseUrl' | 'project' | 'entity' | 'id'> {
  folder: string;
  timing?: Partial<Timing>;
  pictures?: Pictures;
  surroundings?: Surroundings;
  onNotice?: (message: string) => void;
}

/**
 * How the run was to be uploaded when it was recorded, and what is said now; where it is was settled when it was opened,
 * unless another place is named.
 */
function stateFor({folder, ...options}: SyncOptions, env: Surroundings['env'], runId: string): UploadState {
  const {baseUrl, project, entity, id} = options;
  const said = givenSettings({baseUrl: baseUrl?.replace(/\/+$/, ''), project, entity, id}, {env: {}});
  const before = readState(folder);
  // What the run was recorded with counts as said, where nothing else is.
  const {name, notes, tags, ...recorded} = before?.settings ?? {};
  // What stands in the run's page already may have been changed there.
  const described = before?.opened ? {} : {name, notes, tags};
  const now = resolveSettings(
    {...recorded, ...described, ...givenSettings({}, {env}), ...said, mode: 'online'},
    {env: {}},
  );
  if (before === null) return freshState({...now, id: now.id ?? runId});
  if (before.opened === null) return {...before, settings: now};
  const there = settingsNow(now, {...before.settings, id: before.opened.run});
  const isElsewhere = (Object.entries(said) as [keyof typeof there, unknown][]).some(
    ([key, value]) => there[key] !== value && (before.opened as Record<string, unknown>)[key] !== value,
  );
  if (!isElsewhere) return {...before, settings: there};
  if (before.own)
    throw new InvarianceError('bad_option', `${folder} was logged into the user's own run; it stays there`);
  // Another place: what is known of the old one does not count there.
  return freshState({...there, ...before.settings, ...said, mode: 'online'});
}

/**
 * Brings W&B up to date with a run folder: sends what it does not hold, and nothing else. Once more is harmless. A run
 * that is still being written is sent as far as it goes and stays open. Never throws.
 */
export async function syncRun(options: SyncOptions): Promise<Synced> {
  const {folder, pictures, surroundings = {}, onNotice = () => {}} = options;
  const timing = {retryForMs: syncForMs, ...options.timing};
  const env = withoutRun(surroundings.env);
  let release: (() => void) | null = null;
  try {
    const info = await readRunInfo(folder);
    const state = stateFor(options, env, info.id);
    const {baseUrl} = state.settings;
    const today = options.apiKey ? baseUrl : resolveSettings({baseUrl: options.baseUrl}, {env}).baseUrl;
    const found = findApiKey(baseUrl, {apiKey: options.apiKey, today}, surroundings);
    if (found === null) {
      const {host} = new URL(baseUrl);
      throw new InvarianceError(
        'bad_option',
        `no API key for ${host}: run \`wandb login --host ${baseUrl}\`, or set WANDB_API_KEY and WANDB_BASE_URL=${baseUrl}`,
      );
    }
    const lock = lockRun(folder);
    if (lock.status === 'held') throw new InvarianceError('tracker_failed', lock.by);
    ({release} = lock);
    writeState(folder, state);
    const journal = await journalState(folder, {onLeftOut: text => onNotice(`${folder}: ${text}`)});
    if (state.own && journal === 'running')
      throw new InvarianceError(
        'tracker_failed',
        `${folder} is still being written; sync it when its run has ended`,
      );
    const {owed, ...delivered} = await deliverRun({
      folder,
      apiKey: found.key,
      timing,
      pictures,
      isLive: () => false,
      withoutEnd: journal === 'running' ? 'leave open' : 'crashed',
      onNotice: ({message}) => onNotice(`${folder}: ${message}`),
    });
    if (owed.length === 0) return {status: 'synced', folder, ...delivered};
    return {status: 'owing', folder, ...delivered, owed: owedText(owed)};
  } catch (error) {
    return {status: 'failed', folder, message: messageOf(error)};
  } finally {
    release?.();
  }
}
