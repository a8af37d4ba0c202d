import type {JournalRecord} from '../../../journal/index.js';
import type {RunInfo} from '../../../types.js';
import {Alerts} from '../content/alerts.js';
import type {MediaFile} from '../content/media.js';
import {RunConfig} from '../content/run-config.js';
import type {RunPath} from '../protocol/api.js';
import type {Connection} from '../protocol/connection.js';
import type {Session} from '../protocol/session.js';
import {Lane, type LaneOptions} from './lane.js';
import {MediaUploads} from './media-uploads.js';
import {Models} from './models.js';
import type {OwedList} from './owed.js';
import type {UploadState} from './state.js';

export interface SideUploadsOptions {
  connection: Connection;
  folder: string;
  info: RunInfo;
  state: UploadState;
  owed: OwedList;
  path: () => Promise<RunPath>;
  /** As `MediaUploads` takes it. */
  tells: boolean;
  onNotice: (message: string) => void;
}

/**
 * What of a run is no row: config, alerts, tables and pictures, checkpoints. Each is owed as soon as it is known and goes
 * beside the rows, in a lane of its kind; what fails is said, stays owed, and stops nothing.
 */
export class SideUploads {
  readonly #options: SideUploadsOptions;
  readonly config: RunConfig;
  readonly media: MediaUploads;
  readonly #alerts: Alerts;
  readonly #models: Models;
  readonly #lanes: Record<'config' | 'alert' | 'media' | 'model', Lane>;
  /** Journal seq of the last record that added to the config. */
  #configSeq = -1;

  constructor(options: SideUploadsOptions) {
    const {connection, folder, info, state, owed, path, tells, onNotice} = options;
    const {api} = connection;
    this.#options = options;
    this.config = new RunConfig(info);
    this.media = new MediaUploads({api, folder, owed, path, tells, onNotice});
    this.#alerts = new Alerts(state.settings.alerts, state.alerted);
    this.#models = new Models({api, path, state, owed, onNotice});
    const lane = (parts: Pick<LaneOptions, 'waiting' | 'deliver' | 'failed'>) =>
      new Lane({connection, onNotice, ...parts});
    this.#lanes = {
      config: lane({
        waiting: () => owed.of('config').map(({kind}) => kind),
        deliver: (_, {session}) => this.#sendConfig(session),
        failed: (_, reason) => `the run's config could not be added to: ${reason}`,
      }),
      alert: lane({
        waiting: () => owed.of('alert').map(({layer}) => layer),
        deliver: (layer, {session}) => this.#sendAlert(layer, session),
        failed: (layer, reason) => `the alert on ${layer} could not be sent: ${reason}`,
      }),
      media: lane({
        waiting: () => (this.media.waiting.length > 0 ? ['media'] : []),
        deliver: (_, {backoff}) => this.media.deliver(backoff),
        failed: (_, reason) =>
          `W&B's storage takes no tables and pictures (${reason}); they follow the rows later`,
      }),
      model: lane({
        waiting: () => this.#models.waiting,
        deliver: (key, {session}) => this.#models.deliver(key, session),
        failed: (key, reason) =>
          `checkpoint ${this.#models.folderOf(key)} was not uploaded: ${reason}; \`wandb-invariance sync\` tries again`,
      }),
    };
  }

  /** Puts on the list what a record of the journal adds to it; one that was read before adds nothing. */
  see(record: JournalRecord): void {
    const {state, owed} = this.#options;
    if (this.config.see(record)) {
      this.#configSeq = record.seq;
      if (record.seq > state.configured) owed.add({kind: 'config'});
    }
    for (const alert of this.#alerts.see(record)) {
      state.alerted.push(alert.layer);
      owed.add({kind: 'alert', ...alert});
    }
    if (record.kind === 'event' && record.event.type === 'checkpoint') this.#models.see(record.event);
    // The config waits until the journal is read: half of it would take away what W&B has of it.
    const {alert, media, model} = this.#lanes;
    for (const lane of [alert, media, model]) lane.poke();
  }

  /** To be called before the row that names the files is sent. */
  keep(files: readonly MediaFile[]): void {
    this.media.keep(files);
    this.#lanes.media.poke();
  }

  /** The journal is read as far as it goes: begins what waits. */
  poke(): void {
    for (const lane of Object.values(this.#lanes)) lane.poke();
  }

  /** Tries all that is owed once more; with `ended`, also what waits for the end of the run. */
  async finish({ended}: {ended: boolean}): Promise<void> {
    if (ended) this.#models.end();
    await Promise.all(Object.values(this.#lanes).map(lane => lane.finish()));
  }

  /** Resolves when nothing is under way any more: the run's state may be another's then. */
  async stop(): Promise<void> {
    await Promise.all(Object.values(this.#lanes).map(lane => lane.stop()));
  }

  async #sendConfig(session: Session): Promise<void> {
    const {path, state, owed} = this.#options;
    const seq = this.#configSeq;
    await session.mergeConfig(await path(), this.config.value);
    state.configured = Math.max(state.configured, seq);
    // What was learnt meanwhile is still owed.
    if (this.#configSeq === seq) owed.settle({kind: 'config'});
  }

  async #sendAlert(layer: string, session: Session): Promise<void> {
    const {connection, path, owed, onNotice} = this.#options;
    const alert = owed.of('alert').find(each => each.layer === layer)!;
    const {title, text} = alert;
    const {entity: entityName, project: projectName, run: runName} = await path();
    const variables = {entityName, projectName, runName, title, text, severity: 'WARN', waitDuration: 0};
    await session.attempt(async () => {
      const outcome = await connection.api.graphql('NotifyScriptableRunAlert', variables);
      // With another key it may be taken; what is refused for another reason would be owed for ever.
      if (outcome.status !== 'refused' || outcome.code === 401) return outcome;
      onNotice(`the alert on ${layer} is dropped: W&B refuses it (${outcome.reason})`);
      return {status: 'ok', value: {}};
    });
    owed.settle(alert);
  }
}
