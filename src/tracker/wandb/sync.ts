import {InvarianceError, messageOf} from '../../errors.js';
import {readRunInfo} from '../read-run.js';
import {lockRun} from './lock.js';
import {repairOwnRun} from './repair-own-run.js';
import type {Pictures} from './rows.js';
import {findApiKey, resolveSettings, type Surroundings, type WandbOptions} from './settings.js';
import {freshState, readState, writeState, type UploadState} from './state.js';
import type {Timing} from './timing.js';
import {journalState} from './tail.js';
import {uploadRun} from './upload.js';

/** What became of one run. */
export type Synced =
  | {status: 'synced'; folder: string; rows: number; url: string}
  | {status: 'failed'; folder: string; message: string};

export interface SyncOptions extends Pick<WandbOptions, 'apiKey' | 'project' | 'entity' | 'id'> {
  folder: string;
  timing?: Partial<Timing>;
  pictures?: Pictures;
  surroundings?: Surroundings;
  onNotice?: (message: string) => void;
}

/** How the run was to be uploaded when it was recorded, and what the user says now. */
function stateFor({folder, project, entity, id, surroundings}: SyncOptions, runId: string): UploadState {
  const before = readState(folder);
  const said = Object.fromEntries(
    Object.entries({project, entity, id}).filter(([, value]) => value !== undefined),
  );
  if (before === null) {
    const settings = resolveSettings({...said, mode: 'online'}, surroundings);
    return freshState({...settings, id: settings.id ?? runId});
  }
  if (Object.keys(said).length === 0) return before;
  if (before.own)
    throw new InvarianceError('bad_option', `${folder} was logged into the user's own run; it stays there`);
  // Another place: what is known of the old one does not count there.
  return freshState({...before.settings, ...said});
}

/**
 * Brings W&B up to date with a run folder: sends what it does not hold, and nothing else. Once more is harmless. A run
 * that is still being written is sent as far as it goes and stays open.
 */
export async function syncRun(options: SyncOptions): Promise<Synced> {
  const {folder, timing, pictures, surroundings, onNotice = () => {}} = options;
  let release: (() => void) | null = null;
  try {
    const info = await readRunInfo(folder);
    const state = stateFor(options, info.id);
    const apiKey = findApiKey(state.settings.baseUrl, options.apiKey, surroundings);
    if (apiKey === null) {
      const {host} = new URL(state.settings.baseUrl);
      throw new InvarianceError(
        'bad_option',
        `no API key for ${host}: set WANDB_API_KEY or run \`wandb login\``,
      );
    }
    release = lockRun(folder);
    if (release === null)
      throw new InvarianceError('tracker_failed', 'another process is uploading it right now');
    writeState(folder, state);
    const {rows, url} = state.own
      ? await repairOwnRun({folder, state, apiKey, timing, pictures})
      : await uploadRun({
          folder,
          apiKey,
          timing,
          pictures,
          isLive: () => false,
          withoutEnd: (await journalState(folder)) === 'running' ? 'leave open' : 'crashed',
          onNotice: ({message}) => onNotice(`${folder}: ${message}`),
        });
    return {status: 'synced', folder, rows, url};
  } catch (error) {
    if (!(error instanceof InvarianceError)) throw error;
    return {status: 'failed', folder, message: messageOf(error)};
  } finally {
    release?.();
  }
}
