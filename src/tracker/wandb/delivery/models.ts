import {messageOf} from '../../../errors.js';
import type {RunEvent} from '../../../types.js';
import type {Api, RunPath} from '../protocol/api.js';
import {addAliases, uploadArtifact} from '../protocol/artifacts.js';
import {BackgroundQueue} from './background-queue.js';
import type {Session} from '../protocol/session.js';
import type {UploadState} from './state.js';

export type CheckpointEvent = Extract<RunEvent, {type: 'checkpoint'}>;

export interface ModelsOptions {
  session: Session;
  api: Api;
  path: () => Promise<RunPath>;
  state: UploadState;
  /** Writes the state. */
  save: () => void;
  onNotice: (message: string) => void;
}

/** An event is known by this again when the journal is read a second time. */
function keyOf({time, path, aliases}: CheckpointEvent): string {
  return `${path} ${time} ${aliases.join()}`;
}

/**
 * Checkpoints as versions of the artifact `model-<run id>`, uploaded beside the rows, in the order of their events. A
 * second event for a folder names it anew, as the best one for instance. An upload that fails is said, and is tried again
 * at the end of the run and by `sync`.
 */
export class Models {
  readonly #options: ModelsOptions;
  readonly #aside: BackgroundQueue;
  readonly #seen = new Set<string>();
  #events: CheckpointEvent[] = [];

  constructor(options: ModelsOptions) {
    this.#options = options;
    this.#aside = new BackgroundQueue(options.onNotice);
  }

  get done(): Promise<void> {
    return this.#aside.done;
  }

  get isIdle(): boolean {
    return this.#aside.isIdle;
  }

  see(event: CheckpointEvent): void {
    const key = keyOf(event);
    if (this.#mode === false || this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#events.push(event);
    if (this.#mode === 'checkpoint') this.#enqueue(event);
  }

  /** Begins what is left: what failed before, and with `end` the last checkpoint and the best one. */
  end(): void {
    if (this.#mode === 'end') this.#events = this.#lastAndBest();
    for (const event of this.#events) this.#enqueue(event);
  }

  get #mode() {
    return this.#options.state.settings.logModel;
  }

  #enqueue(event: CheckpointEvent): void {
    this.#aside.do(() => this.#deliver(event), `checkpoint ${event.path}`);
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

  async #deliver(event: CheckpointEvent): Promise<void> {
    const {session, api, state, save, onNotice} = this.#options;
    const key = keyOf(event);
    if (state.artifacts[key] !== undefined) return;
    const {path: folder, step} = event;
    const earlier = this.#events
      .slice(0, this.#events.indexOf(event))
      .findLast(other => other.path === folder && state.artifacts[keyOf(other)]);
    try {
      const path = await this.#options.path();
      const name = `model-${path.run}`;
      const aliases = this.#aliasesOf(event);
      const known = earlier && !event.aliases.includes('latest') ? state.artifacts[keyOf(earlier)]! : null;
      if (known !== null) await addAliases(session, api, path, {artifactID: known, name, aliases});
      state.artifacts[key] =
        known ??
        (await uploadArtifact(session, api, path, {
          name,
          type: 'model',
          folder,
          aliases,
          metadata: {step},
          step,
        }));
      state.owedModels = state.owedModels.filter(other => other !== key);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        // Old checkpoints are deleted while training goes on.
        onNotice(`checkpoint ${folder} is gone and was not uploaded`);
        state.artifacts[key] = null;
        state.owedModels = state.owedModels.filter(other => other !== key);
      } else {
        if (!state.owedModels.includes(key)) state.owedModels.push(key);
        onNotice(
          `checkpoint ${folder} was not uploaded: ${messageOf(error)}; \`wandb-invariance sync\` tries again`,
        );
      }
    }
    save();
  }
}
