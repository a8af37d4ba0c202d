import type {RunEvent} from '../../../types.js';
import type {Api, RunPath} from '../protocol/api.js';
import {addAliases, uploadArtifact} from '../protocol/artifacts.js';
import type {Session} from '../protocol/session.js';
import type {OwedList} from './owed.js';
import type {UploadState} from './state.js';

type CheckpointEvent = Extract<RunEvent, {type: 'checkpoint'}>;

export interface ModelsOptions {
  api: Api;
  path: () => Promise<RunPath>;
  state: Pick<UploadState, 'settings' | 'artifacts'>;
  owed: OwedList;
  onNotice: (message: string) => void;
}

/** An event is known by this again when the journal is read a second time. */
function keyOf({time, path, aliases}: CheckpointEvent): string {
  return `${path} ${time} ${aliases.join()}`;
}

/**
 * Checkpoints as versions of the artifact `model-<run id>`, in the order of their events. A second event for a folder names
 * it anew, as the best one for instance.
 */
export class Models {
  readonly #options: ModelsOptions;
  readonly #seen = new Set<string>();
  #events: CheckpointEvent[] = [];
  #isEnded = false;

  constructor(options: ModelsOptions) {
    this.#options = options;
  }

  see(event: CheckpointEvent): void {
    const key = keyOf(event);
    if (this.#mode === false || this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#events.push(event);
    if (this.#mode === 'checkpoint') this.#owe(event);
  }

  /** Nothing follows: with `end`, the last checkpoint and the best one are owed now, and no other is. */
  end(): void {
    const {owed} = this.#options;
    this.#isEnded = true;
    if (this.#mode === 'end') this.#events = this.#lastAndBest();
    const keys = this.#events.map(keyOf);
    for (const old of owed.of('artifact')) if (!keys.includes(old.checkpoint)) owed.settle(old);
    for (const event of this.#events) this.#owe(event);
  }

  /** Those owed whose events were read; with `end` none before it: what a run owed at an earlier end may not be its last now. */
  get waiting(): string[] {
    if (this.#mode === 'end' && !this.#isEnded) return [];
    return this.#options.owed
      .of('artifact')
      .map(({checkpoint}) => checkpoint)
      .filter(key => this.#find(key) !== undefined);
  }

  folderOf(key: string): string {
    return this.#find(key)!.path;
  }

  async deliver(key: string, session: Session): Promise<void> {
    const {state, owed, onNotice} = this.#options;
    const event = this.#find(key)!;
    try {
      state.artifacts[key] = await this.#send(event, session);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // Old checkpoints are deleted while training goes on.
      onNotice(`checkpoint ${event.path} is gone and was not uploaded`);
      state.artifacts[key] = null;
    }
    owed.settle({kind: 'artifact', checkpoint: key});
  }

  get #mode() {
    return this.#options.state.settings.logModel;
  }

  #find(key: string): CheckpointEvent | undefined {
    return this.#events.find(event => keyOf(event) === key);
  }

  #owe(event: CheckpointEvent): void {
    const checkpoint = keyOf(event);
    if (this.#options.state.artifacts[checkpoint] === undefined)
      this.#options.owed.add({kind: 'artifact', checkpoint});
  }

  #lastAndBest(): CheckpointEvent[] {
    // An event for a folder seen before only names it anew, unless it says that it is the newest again.
    const isNew = (event: CheckpointEvent, i: number): boolean =>
      event.aliases.includes('latest') || this.#events.findIndex(({path}) => path === event.path) === i;
    const last = this.#events.findLast(isNew);
    const best = this.#events.findLast(({aliases}) => aliases.includes('best'));
    if (last === undefined) return [];
    if (best === undefined || best.path === last.path)
      return [{...last, aliases: best ? ['latest', 'best'] : ['latest']}];
    return [
      {...best, aliases: ['best']},
      {...last, aliases: ['latest']},
    ];
  }

  /** Those that no event behind this one has taken yet: what is late must not take them back. */
  #aliasesOf(event: CheckpointEvent): string[] {
    const {artifacts} = this.#options.state;
    const behind = this.#events
      .slice(this.#events.indexOf(event) + 1)
      .filter(later => artifacts[keyOf(later)]);
    const aliases = new Set([...event.aliases, `step-${event.step}`]);
    return [...aliases].filter(alias => !behind.some(later => later.aliases.includes(alias)));
  }

  /** The id of the version that the folder is at W&B. */
  async #send(event: CheckpointEvent, session: Session): Promise<string> {
    const {api, state} = this.#options;
    const {path: folder, step} = event;
    const path = await this.#options.path();
    const name = `model-${path.run}`;
    const aliases = this.#aliasesOf(event);
    const earlier = this.#events
      .slice(0, this.#events.indexOf(event))
      .findLast(other => other.path === folder && state.artifacts[keyOf(other)]);
    if (earlier === undefined || event.aliases.includes('latest')) {
      const source = {name, type: 'model', folder, aliases, metadata: {step}, step};
      return uploadArtifact(session, api, path, source);
    }
    const artifactID = state.artifacts[keyOf(earlier)]!;
    await addAliases(session, api, path, {artifactID, name, aliases});
    return artifactID;
  }
}
