import {InvarianceError} from '../../../errors.js';
import type {RunPath} from './api.js';

/** What a refusal means to a person, and what to do. The journal is never touched by any of this. */
export function refusal(code: number, reason: string): InvarianceError {
  const [meaning, remedy] =
    code === 401
      ? [
          'W&B refuses the API key',
          'set WANDB_API_KEY or run `wandb login`, then `wandb-invariance sync RUN`',
        ]
      : code === 403
        ? [
            'this API key may not write to the project',
            'check entity and project, then `wandb-invariance sync RUN`',
          ]
        : code === 404 || code === 409
          ? ['the run was deleted on the server', '`wandb-invariance sync RUN --id NEW` sends it as another']
          : ['W&B refuses the run', '`wandb-invariance sync RUN` tries again'];
  return new InvarianceError('tracker_failed', `${meaning} (${reason}). The journal is kept; ${remedy}`);
}

/** W&B has no run where one was. */
export function notThere({entity, project, run}: RunPath): InvarianceError {
  return refusal(404, `no run ${run} in ${entity}/${project}`);
}

export function outOfReach(reason: string): InvarianceError {
  return new InvarianceError(
    'tracker_failed',
    `W&B could not be reached: ${reason}. The journal is kept; \`wandb-invariance sync\` tries again`,
  );
}
