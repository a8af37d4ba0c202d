import {hostname} from 'node:os';
import {InvarianceError} from '../../errors.js';
import type {RunInfo} from '../../types.js';
import type {Api, RunPath, StreamPost} from './api.js';
import {mergeConfig, type WandbConfig} from './config.js';
import type {MediaFile} from './media.js';
import type {Patience} from './patience.js';
import type {Outcome} from './request.js';
import type {WandbSettings} from './settings.js';

/** What the server says of a run. */
export interface RunStatus {
  lines: number;
  /** `_step` of the last line; null where there is none. */
  lastStep: number | null;
  summary: Record<string, unknown>;
  config: WandbConfig;
}

export interface Session {
  /** Sends until it works; throws where it is refused or the time for trying is over. */
  attempt<T>(send: () => Promise<Outcome<T>>): Promise<T>;
  /** Null where the server has no such run. */
  status(path: RunPath): Promise<RunStatus | null>;
  /** The one that is named, else the key's own. */
  entity(settings: Pick<WandbSettings, 'entity'>): Promise<string>;
  upsert(path: RunPath, settings: WandbSettings, info: RunInfo, config: WandbConfig): Promise<RunPath>;
  uploadFiles(path: RunPath, files: readonly MediaFile[]): Promise<void>;
  post(path: RunPath, body: StreamPost): Promise<Outcome<unknown>>;
}

/** What a refusal means to a person, and what to do. The journal is never touched by any of this. */
export function refusal(code: number, reason: string): InvarianceError {
  const meaning =
    code === 401
      ? 'W&B refuses the API key; set WANDB_API_KEY or run `wandb login`'
      : code === 403
        ? 'this API key may not write to the project; check entity and project'
        : code === 404
          ? 'the run is not there any more: it was deleted on the server'
          : code === 409
            ? 'a run of this id was deleted on the server; sync it under another id'
            : 'W&B refuses the run';
  return new InvarianceError(
    'tracker_failed',
    `${meaning} (${reason}). The journal is kept; \`wandb-invariance sync\` tries again`,
  );
}

function parsed<T>(text: unknown, otherwise: T): T {
  if (typeof text !== 'string') return otherwise;
  try {
    return JSON.parse(text.replace(/([:[,])(NaN|-?Infinity)(?=[,\]}])/g, '$1null')) as T;
  } catch {
    return otherwise;
  }
}

export interface SessionOptions {
  api: Api;
  patience: Patience;
  /** Told of each failure that is tried again. */
  onRetry?: (reason: string) => void;
}

/** W&B's operations with patience: every one is repeated until it works or cannot work. */
export function createSession({api, patience, onRetry = () => {}}: SessionOptions): Session {
  async function attempt<T>(send: () => Promise<Outcome<T>>): Promise<T> {
    for (;;) {
      const outcome = await send();
      if (outcome.status === 'ok') {
        patience.success();
        return outcome.value;
      }
      if (outcome.status === 'refused') throw refusal(outcome.code, outcome.reason);
      onRetry(outcome.reason);
      if (!(await patience.failure(outcome.afterMs))) {
        throw new InvarianceError(
          'tracker_failed',
          `W&B could not be reached: ${outcome.reason}. The journal is kept; \`wandb-invariance sync\` tries again`,
        );
      }
    }
  }

  return {
    attempt,
    async status({entity, project, run}) {
      const data = await attempt(() => api.graphql('RunResumeStatus', {entity, project, name: run}));
      const bucket = (data.model as {bucket?: Record<string, unknown> | null} | null)?.bucket;
      if (!bucket) return null;
      const tail = parsed<unknown[]>(bucket.historyTail, []).at(-1);
      const last =
        typeof tail === 'string' ? parsed<Record<string, unknown>>(tail, {}) : (tail as object | undefined);
      const lastStep = (last as {_step?: number} | undefined)?._step;
      return {
        lines: Number(bucket.historyLineCount ?? 0),
        lastStep: typeof lastStep === 'number' ? lastStep : null,
        summary: parsed<Record<string, unknown>>(bucket.summaryMetrics, {}),
        config: parsed<WandbConfig>(bucket.config, {}),
      };
    },
    async entity(settings) {
      if (settings.entity !== undefined) return settings.entity;
      const data = await attempt(() => api.graphql('Viewer', {}));
      const entity = (data.viewer as {entity?: string} | null)?.entity;
      // W&B answers 200 and no viewer to a key it does not know.
      if (!entity) throw refusal(401, 'no viewer');
      return entity;
    },
    async upsert({entity, project, run}, settings, info, config) {
      const data = await attempt(() =>
        api.graphql('UpsertBucket', {
          name: run,
          project,
          entity,
          displayName: settings.name ?? info.name,
          groupName: settings.group,
          jobType: settings.jobType,
          notes: settings.notes,
          tags: settings.tags.length > 0 ? settings.tags : undefined,
          commit: info.git ?? undefined,
          host: hostname(),
          config: JSON.stringify(config),
        }),
      );
      const bucket = (data.upsertBucket as {bucket: {project?: {name: string; entity: {name: string}}}})
        .bucket;
      return {entity: bucket.project?.entity.name ?? entity, project: bucket.project?.name ?? project, run};
    },
    async uploadFiles({entity, project, run}, files) {
      if (files.length === 0) return;
      const byPath = new Map(files.map(file => [file.path, file]));
      const data = await attempt(() =>
        api.graphql('CreateRunFiles', {entity, project, run, files: [...byPath.keys()]}),
      );
      const {uploadHeaders, files: targets} = data.createRunFiles as {
        uploadHeaders: string[] | null;
        files: {name: string; uploadUrl: string}[];
      };
      for (const {name, uploadUrl} of targets) {
        const file = byPath.get(name);
        if (file) await attempt(() => api.put(uploadUrl, uploadHeaders ?? [], file.bytes));
      }
    },
    post: (path, body) => api.stream(path, body),
  };
}

/** The config of a run that may exist already. */
export function configFor(status: RunStatus | null, ours: WandbConfig): WandbConfig {
  return status === null ? ours : mergeConfig(status.config, ours);
}
