import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {replaceFileSync} from '../../../disk/index.js';
import {InvarianceError, messageOf} from '../../../errors.js';
import type {WandbSettings} from '../settings.js';
import type {Owed} from './owed.js';

/** Name of the file in a run folder. */
export const stateFile = 'wandb.json';

/** What is known of a run's upload, in `wandb.json` beside the journal. Never holds a key. */
export interface UploadState {
  settings: WandbSettings;
  /** Where the run is; null until the server answered the first time. */
  opened: {entity: string; project: string; run: string; url: string} | null;
  /** First history line that is ours; written before the first row is sent. */
  base: number | null;
  /**
   * Whether another client counts the run's lines, so that ours are known by their `invariance/row`: the user's own
   * SDK in the training process, or one elsewhere that only the server knows the end of.
   */
  own: false | 'sdk' | 'elsewhere';
  /** Rows the server was seen to hold. */
  rows: number;
  /** Journal seq of the last record when the server was told the end. */
  completed: number | null;
  /** Journal seq of the last record that the config at W&B knows of; -1 where it knows of none. */
  configured: number;
  /** Artifact by checkpoint event; null where the checkpoint was deleted before it could be uploaded. */
  artifacts: Record<string, string | null>;
  /** Layers that raised their alert, whether it is sent or owed. */
  alerted: string[];
  /** What W&B does not have yet. */
  owed: Owed[];
  /** Why the upload stopped, for `sync` and `list`. */
  problem: string | null;
}

export function freshState(
  settings: WandbSettings,
  {own = false}: Partial<Pick<UploadState, 'own'>> = {},
): UploadState {
  return {
    settings,
    opened: null,
    base: null,
    own,
    rows: 0,
    completed: null,
    configured: -1,
    artifacts: {},
    alerted: [],
    owed: [{kind: 'rows'}, {kind: 'config'}],
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
    return withOwed(JSON.parse(text) as UploadState | StateBefore);
  } catch (cause) {
    throw new InvarianceError('bad_record', `${join(folder, stateFile)} is not JSON: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Up to 0.1.0 what is owed had a list a kind, and whether the config had arrived was not known. */
type StateBefore = Omit<UploadState, 'owed' | 'configured'> & {
  owed?: undefined;
  owedFiles?: string[];
  owedModels?: string[];
};

function withOwed(state: UploadState | StateBefore): UploadState {
  if (state.owed !== undefined) return state;
  const {owedFiles = [], owedModels = [], ...rest} = state;
  return {
    ...rest,
    configured: -1,
    owed: [
      ...(state.completed === null ? [{kind: 'rows'} as const] : []),
      {kind: 'config'},
      ...(owedFiles.length > 0 ? [{kind: 'media', files: owedFiles.length} as const] : []),
      ...owedModels.map(checkpoint => ({kind: 'artifact', checkpoint}) as const),
    ],
  };
}

/** Whole or not at all, and on the disk when it returns. */
export function writeState(folder: string, state: UploadState): void {
  replaceFileSync(join(folder, stateFile), `${JSON.stringify(state, null, 2)}\n`);
}

/**
 * Writes a state whenever it is called. A disk that refuses is said once and stops nothing: what is in memory is right,
 * and the next call tries again.
 */
export function stateKeeper(
  folder: string,
  state: UploadState,
  onTrouble: (message: string) => void,
): () => void {
  let failing = false;
  return () => {
    try {
      writeState(folder, state);
      failing = false;
    } catch (error) {
      if (!failing) onTrouble(`${messageOf(error)}; the upload goes on`);
      failing = true;
    }
  };
}
