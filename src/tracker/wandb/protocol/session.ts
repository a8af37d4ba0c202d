import {hostname} from 'node:os';
import {InvarianceError} from '../../../errors.js';
import type {RunInfo} from '../../../types.js';
import {mergeConfig, type WandbConfig} from '../content/config.js';
import type {WandbSettings} from '../settings.js';
import type {Api, RunPath} from './api.js';
import type {Backoff} from './backoff.js';
import {notThere, outOfReach, refusal} from './refusals.js';
import type {Body, Outcome} from './request.js';
import {runStatusOf, type RunStatus} from './run-status.js';

/** Where a file is to be put; null where the server has it already. */
export type StoragePlace = {url: string; headers: readonly string[]} | null;

export interface SessionOptions {
  api: Api;
  /** Made anew for each file: that W&B answers is no success of the storage behind it. */
  backoff: () => Backoff;
  /** Told of each failure that is tried again. */
  onRetry?: (reason: string) => void;
}

/** W&B's operations with patience: every one is repeated until it works or cannot work. */
export class Session {
  readonly #options: SessionOptions;
  readonly #backoff: Backoff;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#backoff = options.backoff();
  }

  /** Sends until it works; throws where it is refused or the time for trying is over. */
  async attempt<T>(send: () => Promise<Outcome<T>>): Promise<T> {
    for (;;) {
      const outcome = await send();
      if (outcome.status === 'ok') {
        this.#backoff.success();
        return outcome.value;
      }
      if (outcome.status === 'refused') throw refusal(outcome.code, outcome.reason);
      this.#options.onRetry?.(outcome.reason);
      if (!(await this.#backoff.failure(outcome.afterMs))) throw outOfReach(outcome.reason);
    }
  }

  /** Null where the server has no such run. */
  async status({entity, project, run}: RunPath): Promise<RunStatus | null> {
    const variables = {entity, project, name: run};
    const data = await this.attempt(() => this.#options.api.graphql('RunResumeStatus', variables));
    const bucket = (data.model as {bucket?: Record<string, unknown> | null} | null)?.bucket;
    return bucket ? runStatusOf(bucket) : null;
  }

  /** W&B's own word for how a run stands: running, finished, crashed, failed, killed, …; null where there is none. */
  async state({entity, project, run}: RunPath): Promise<string | null> {
    const data = await this.attempt(() => this.#options.api.graphql('RunState', {entity, project, run}));
    return (data.project as {run: {state: string} | null} | null)?.run?.state ?? null;
  }

  /** The one that is named, else the key's own. */
  async entity(settings: Pick<WandbSettings, 'entity'>): Promise<string> {
    if (settings.entity !== undefined) return settings.entity;
    const data = await this.attempt(() => this.#options.api.graphql('Viewer', {}));
    const entity = (data.viewer as {entity?: string} | null)?.entity;
    // W&B answers 200 and no viewer to a key it does not know.
    if (!entity) throw refusal(401, 'no viewer');
    return entity;
  }

  /** Opens or finds a run. Its name is given where it is new, and where the settings say one. */
  async upsert(
    {entity, project, run}: RunPath,
    {
      settings,
      info,
      config,
      isNew,
    }: {settings: WandbSettings; info: RunInfo; config?: WandbConfig; isNew: boolean},
  ): Promise<RunPath> {
    const variables = {
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
      config: config && JSON.stringify(config),
    };
    const data = await this.attempt(() => this.#options.api.graphql('UpsertBucket', variables));
    const {bucket} = data.upsertBucket as {bucket: {project?: {name: string; entity: {name: string}}}};
    return {entity: bucket.project?.entity.name ?? entity, project: bucket.project?.name ?? project, run};
  }

  /** Joins `ours` into the run's config, and touches nothing else of it. */
  async mergeConfig(path: RunPath, ours: WandbConfig): Promise<void> {
    const found = await this.status(path);
    if (found === null) throw notThere(path);
    const config = JSON.stringify(configFor(found, ours));
    await this.attempt(() => this.#options.api.graphql('UpsertBucket', {id: found.id, config}));
  }

  /** Puts a file where `ask` says; signed URLs expire, so a refusal asks again. */
  async store(ask: () => Promise<StoragePlace>, body: Exclude<Body, string>): Promise<void> {
    const storage = this.#options.backoff();
    for (;;) {
      const place = await ask();
      if (place === null) return;
      const outcome = await this.#options.api.put(place.url, place.headers, body);
      if (outcome.status === 'ok') return;
      if (!(await storage.failure(outcome.status === 'retry' ? outcome.afterMs : null)))
        throw new InvarianceError('tracker_failed', `W&B's storage does not take it: ${outcome.reason}`);
    }
  }
}

/** The config of a run that may exist already. */
export function configFor(status: RunStatus | null, ours: WandbConfig): WandbConfig {
  return status === null ? ours : mergeConfig(status.config, ours);
}

/** The page of a run. */
export function runUrl(baseUrl: string, {entity, project, run}: RunPath): string {
  return `${baseUrl.replace('//api.wandb', '//wandb')}/${entity}/${project}/runs/${run}`;
}
