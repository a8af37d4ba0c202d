import type {JournalRecord} from '../../../journal/index.js';
import {Alerts} from '../content/alerts.js';
import type {Api, RunPath} from '../protocol/api.js';
import {BackgroundQueue} from './background-queue.js';
import {Models} from './models.js';
import {createBackoff} from '../protocol/backoff.js';
import type {RunConfig} from '../content/run-config.js';
import {createSession, type Session} from '../protocol/session.js';
import type {UploadState} from './state.js';
import type {Timing} from '../protocol/timing.js';

export interface SideUploadsOptions {
  api: Api;
  timing: Timing;
  sleep: (ms: number) => Promise<void>;
  path: () => Promise<RunPath>;
  state: UploadState;
  /** Writes the state. */
  save: () => void;
  /** Sent whenever it grows; without it nothing of the config is. */
  config?: RunConfig;
  onNotice: (message: string) => void;
}

/**
 * What of a run's records is no row: config, alerts, checkpoints. All of it goes beside the rows, with a patience of its
 * own (`storageForMs`), and what fails is said and stops nothing.
 */
export class SideUploads {
  readonly #options: SideUploadsOptions;
  readonly #session: Session;
  readonly #aside: BackgroundQueue;
  readonly #alerts: Alerts;
  readonly #models: Models;
  #configIsDue = false;

  constructor(options: SideUploadsOptions) {
    const {api, timing, sleep, path, state, save, onNotice} = options;
    this.#options = options;
    const newSession = (): Session =>
      createSession({
        api,
        backoff: () => createBackoff({timing: {...timing, retryForMs: timing.storageForMs}, sleep}),
      });
    this.#session = newSession();
    this.#aside = new BackgroundQueue(onNotice);
    this.#alerts = new Alerts(state.settings.alerts, state.alerted);
    this.#models = new Models({session: newSession(), api, path, state, save, onNotice});
  }

  see(record: JournalRecord): void {
    if (this.#options.config?.see(record)) this.#sendConfig(this.#options.config);
    for (const {layer, title, text} of this.#alerts.see(record))
      this.#aside.do(() => this.#alert(layer, title, text), `the alert on ${layer} could not be sent`);
    if (record.kind === 'event' && record.event.type === 'checkpoint') this.#models.see(record.event);
  }

  /** Once for all that was learnt until it goes out. */
  #sendConfig(config: RunConfig): void {
    if (this.#configIsDue) return;
    this.#configIsDue = true;
    this.#aside.do(async () => {
      this.#configIsDue = false;
      await this.#session.mergeConfig(await this.#options.path(), config.value);
    }, "the run's config could not be added to");
  }

  /** Nothing follows: begins what waits for the end. */
  end(): void {
    this.#models.end();
  }

  /** Resolves when all that was begun is done or has failed. */
  async done(): Promise<void> {
    await Promise.all([this.#aside.done, this.#models.done]);
  }

  get isIdle(): boolean {
    return this.#aside.isIdle && this.#models.isIdle;
  }

  async #alert(layer: string, title: string, text: string): Promise<void> {
    const {api, state, save} = this.#options;
    const {entity: entityName, project: projectName, run: runName} = await this.#options.path();
    const variables = {entityName, projectName, runName, title, text, severity: 'WARN', waitDuration: 0};
    await this.#session.attempt(() => api.graphql('NotifyScriptableRunAlert', variables));
    state.alerted.push(layer);
    save();
  }
}
