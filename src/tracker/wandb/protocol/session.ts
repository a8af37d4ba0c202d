import {hostname} from 'node:os';
import {InvarianceError} from '../../../errors.js';
import type {RunInfo} from '../../../types.js';
import type {Api, RunPath} from './api.js';
import {mergeConfig, type WandbConfig} from '../content/config.js';
import type {Backoff} from './backoff.js';
import type {Body, Outcome} from './request.js';
import type {WandbSettings} from '../settings.js';

/** What the server says of a run. */
export interface RunStatus {
  /** W&B's own id of the run, by which it is changed without being opened. */
  id: string;
  lines: number;
  /** `_step` of the last line; null where there is none. */
  lastStep: number | null;
  summary: Record<string, unknown>;
  config: WandbConfig;
}

/** Where a file is to be put; null where the server has it already. */
export type Target = {url: string; headers: readonly string[]} | null;

export interface Session {
  /** Sends until it works; throws where it is refused or the time for trying is over. */
  attempt<T>(send: () => Promise<Outcome<T>>): Promise<T>;
  /** Null where the server has no such run. */
  status(path: RunPath): Promise<RunStatus | null>;
  /** W&B's own word for how a run stands: running, finished, crashed, failed, killed, …; null where there is none. */
  state(path: RunPath): Promise<string | null>;
  /** The one that is named, else the key's own. */
  entity(settings: Pick<WandbSettings, 'entity'>): Promise<string>;
  /** Opens or finds a run. Its name is given where it is new, and where the settings say one. */
  upsert(
    path: RunPath,
    options: {settings: WandbSettings; info: RunInfo; config: WandbConfig; isNew: boolean},
  ): Promise<RunPath>;
  /** Joins `ours` into the run's config, and touches nothing else of it. */
  mergeConfig(path: RunPath, ours: WandbConfig): Promise<void>;
  /** Puts a file where `ask` says; signed URLs expire, so a refusal asks again. */
  store(ask: () => Promise<Target>, body: Exclude<Body, string>): Promise<void>;
}

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
  /** Made anew for each file: that W&B answers is no success of the storage behind it. */
  backoff: () => Backoff;
  /** Told of each failure that is tried again. */
  onRetry?: (reason: string) => void;
}

/** W&B's operations with backoff: every one is repeated until it works or cannot work. */
export function createSession({api, backoff, onRetry = () => {}}: SessionOptions): Session {
  const own = backoff();

  async function attempt<T>(send: () => Promise<Outcome<T>>): Promise<T> {
    for (;;) {
      const outcome = await send();
      if (outcome.status === 'ok') {
        own.success();
        return outcome.value;
      }
      if (outcome.status === 'refused') throw refusal(outcome.code, outcome.reason);
      onRetry(outcome.reason);
      if (!(await own.failure(outcome.afterMs))) throw outOfReach(outcome.reason);
    }
  }

  async function status({entity, project, run}: RunPath): Promise<RunStatus | null> {
    const data = await attempt(() => api.graphql('RunResumeStatus', {entity, project, name: run}));
    const bucket = (data.model as {bucket?: Record<string, unknown> | null} | null)?.bucket;
    if (!bucket) return null;
    const tail = parsed<unknown[]>(bucket.historyTail, []).at(-1);
    const last =
      typeof tail === 'string' ? parsed<Record<string, unknown>>(tail, {}) : (tail as object | undefined);
    const lastStep = (last as {_step?: number} | undefined)?._step;
    return {
      id: String(bucket.id),
      lines: Number(bucket.historyLineCount ?? 0),
      lastStep: typeof lastStep === 'number' ? lastStep : null,
      summary: parsed<Record<string, unknown>>(bucket.summaryMetrics, {}),
      config: parsed<WandbConfig>(bucket.config, {}),
    };
  }

  return {
    attempt,
    status,
    async state({entity, project, run}) {
      const data = await attempt(() => api.graphql('RunState', {entity, project, run}));
      return (data.project as {run: {state: string} | null} | null)?.run?.state ?? null;
    },
    async entity(settings) {
      if (settings.entity !== undefined) return settings.entity;
      const data = await attempt(() => api.graphql('Viewer', {}));
      const entity = (data.viewer as {entity?: string} | null)?.entity;
      // W&B answers 200 and no viewer to a key it does not know.
      if (!entity) throw refusal(401, 'no viewer');
      return entity;
    },
    async upsert({entity, project, run}, {settings, info, config, isNew}) {
      const data = await attempt(() =>
        api.graphql('UpsertBucket', {
          name: run,
          project,
          entity,
          // Who renamed a run in its page named it.
          displayName: settings.name ?? (isNew ? info.name : undefined),
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
    async mergeConfig(path, ours) {
      const found = await status(path);
      if (found === null) throw notThere(path);
      const config = JSON.stringify(configFor(found, ours));
      await attempt(() => api.graphql('UpsertBucket', {id: found.id, config}));
    },
    async store(ask, body) {
      const storage = backoff();
      for (;;) {
        const target = await ask();
        if (target === null) return;
        const outcome = await api.put(target.url, target.headers, body);
        if (outcome.status === 'ok') return;
        if (!(await storage.failure(outcome.status === 'retry' ? outcome.afterMs : null)))
          throw new InvarianceError('tracker_failed', `W&B's storage does not take it: ${outcome.reason}`);
      }
    },
  };
}

/** The config of a run that may exist already. */
export function configFor(status: RunStatus | null, ours: WandbConfig): WandbConfig {
  return status === null ? ours : mergeConfig(status.config, ours);
}

/** The page of a run. */
export function runUrl(baseUrl: string, {entity, project, run}: RunPath): string {
  return `${baseUrl.replace('//api.wandb', '//wandb')}/${entity}/${project}/runs/${run}`;
}
