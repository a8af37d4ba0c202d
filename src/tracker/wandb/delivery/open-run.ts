import {InvarianceError} from '../../../errors.js';
import type {RunInfo} from '../../../types.js';
import type {RunPath} from '../protocol/api.js';
import {firstLineOf} from '../content/config.js';
import type {RunConfig} from '../content/run-config.js';
import {notThere} from '../protocol/refusals.js';
import type {RunStatus} from '../protocol/run-status.js';
import {configFor, runUrl, type Session} from '../protocol/session.js';
import type {UploadState} from './state.js';

interface Known {
  session: Session;
  state: UploadState;
  info: RunInfo;
}

/** Where the run is, or is to be. */
export async function findRun({session, state, info}: Known): Promise<RunPath> {
  const {settings, opened} = state;
  if (opened) return opened;
  return {
    entity: await session.entity(settings),
    project: settings.project,
    run: settings.id ?? info.id,
  };
}

/**
 * Opens a run of ours, or goes on with it, and settles which of its lines is our first one: `opened` and `base` of the
 * state.
 *
 * @throws InvarianceError `tracker_failed` where it was deleted, where `resume` forbids it, and where another client is
 * writing it.
 */
export async function openRun({
  session,
  state,
  info,
  path,
  found,
  config,
}: Known & {path: RunPath; found: RunStatus | null; config: RunConfig}): Promise<RunPath> {
  const {settings} = state;
  const isNew = state.opened === null;
  if (found === null && !isNew) throw notThere(path);
  if (found === null && settings.resume === 'must') {
    throw new InvarianceError(
      'tracker_failed',
      `resume is "must" and W&B has no run ${path.run}; name one it has`,
    );
  }
  // A run that is there but empty may be ours: a process may die between opening a run and noting it.
  if (found !== null && found.lines > 0 && isNew && settings.resume === 'never') {
    throw new InvarianceError(
      'tracker_failed',
      `resume is "never" and W&B has a run ${path.run}; name another id`,
    );
  }
  const ours = found === null ? null : firstLineOf(found.config, info);
  if (isNew && found !== null && ours === null && path.run !== info.id) await refuseOthers(session, path);
  // Whatever the run was, W&B counts it as running from here on.
  state.completed = null;
  state.base ??= ours ?? found?.lines ?? 0;
  config.firstLine = state.base;
  // A run of ours that goes on has its config, and the journal that would say it again is not read yet.
  const merged = isNew ? configFor(found, config.value) : undefined;
  const opened = await session.upsert(path, {settings, info, config: merged, isNew});
  state.opened = {...opened, url: runUrl(settings.baseUrl, opened)};
  return opened;
}

/** W&B's line numbers allow one writer: a run that another client writes at this moment would lose its lines. */
async function refuseOthers(session: Session, path: RunPath): Promise<void> {
  if ((await session.state(path)) !== 'running') return;
  throw new InvarianceError(
    'tracker_failed',
    `W&B's run ${path.run} is being written by another client, and two would overwrite each other: name another id ` +
      '(option `id`, or unset WANDB_RUN_ID), pass that run as `run` if it is of this process, or use ' +
      '`watch --wandb-run` for one elsewhere. Where its client died, W&B says so after some minutes: ' +
      '`wandb-invariance sync RUN` then goes on',
  );
}
