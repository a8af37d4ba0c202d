import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {messageOf} from '../../../errors.js';
import type {Api, RunPath} from '../protocol/api.js';
import type {MediaFile} from '../content/media.js';
import {createBackoff} from '../protocol/backoff.js';
import type {UploadState} from './state.js';
import type {Timing} from '../protocol/timing.js';

/** Folder in a run folder for tables and pictures that storage did not take yet. */
export const owedFolder = 'wandb-owed';

/** Owed files that go along with a flush of rows. */
const owedAtOnce = 20;

export interface MediaUploadsOptions {
  api: Api;
  folder: string;
  state: UploadState;
  /** Writes the state. */
  save: () => void;
  timing: Pick<Timing, 'retryFirstMs' | 'retryMaxMs' | 'storageForMs'>;
  sleep: (ms: number) => Promise<void>;
  onNotice: (message: string) => void;
}

/**
 * Tables and pictures on their way to the storage behind W&B, which fails apart from W&B itself. Rows wait for it for
 * `storageForMs`, once; then they go on, what they name is kept in the run folder, and it follows with later rows, at the
 * end of the run, or by `sync`. Nothing here throws but that the run folder is gone.
 */
export class MediaUploads {
  readonly #options: MediaUploadsOptions;
  /** Storage did not take the last files. */
  #failing = false;
  #restUntil = 0;

  constructor(options: MediaUploadsOptions) {
    this.#options = options;
  }

  /** Puts files of rows there, and some of those owed; gives the paths that are there now. */
  async upload(path: RunPath, files: readonly MediaFile[]): Promise<string[]> {
    if (Date.now() < this.#restUntil) {
      this.keep(files);
      return [];
    }
    // One try where it failed before: rows have waited for it already.
    const left = await this.#put(path, files, this.#failing ? 0 : this.#options.timing.storageForMs);
    const there = files.filter(file => !left.includes(file)).map(file => file.path);
    return left.length > 0 ? there : [...there, ...(await this.#deliver(path, owedAtOnce, 0))];
  }

  /** Puts all that is owed there, with patience; gives the paths that are there now. */
  async deliver(path: RunPath): Promise<string[]> {
    const {state, timing, onNotice} = this.#options;
    this.#restUntil = 0;
    const there: string[] = [];
    let now: string[];
    do {
      now = await this.#deliver(path, owedAtOnce, timing.storageForMs);
      there.push(...now);
    } while (now.length > 0 && state.owedFiles.length > 0);
    if (state.owedFiles.length > 0)
      onNotice(
        `${state.owedFiles.length} tables and pictures are not stored yet; \`wandb-invariance sync\` sends them`,
      );
    return there;
  }

  async #deliver(path: RunPath, count: number, forMs: number): Promise<string[]> {
    const {folder, state, save} = this.#options;
    const files = state.owedFiles.slice(0, count).flatMap(name => {
      try {
        return [{path: name, bytes: new Uint8Array(readFileSync(join(folder, owedFolder, name)))}];
      } catch {
        return [];
      }
    });
    if (state.owedFiles.length === 0) return [];
    const left = new Set((await this.#put(path, files, forMs)).map(file => file.path));
    const there = files.map(file => file.path).filter(name => !left.has(name));
    // Those that cannot be read any more are not waited for either.
    state.owedFiles = state.owedFiles.filter((name, i) => i >= count || left.has(name));
    save();
    for (const name of there) rmSync(join(folder, owedFolder, name), {force: true});
    if (state.owedFiles.length === 0) rmSync(join(folder, owedFolder), {recursive: true, force: true});
    return there;
  }

  /** Gives the files that storage did not take within `forMs`; these are owed from now on. */
  async #put(path: RunPath, files: readonly MediaFile[], forMs: number): Promise<MediaFile[]> {
    const {timing, sleep, onNotice} = this.#options;
    const backoff = createBackoff({timing: {...timing, retryForMs: forMs}, sleep});
    const left = new Map(files.map(file => [file.path, file]));
    while (left.size > 0) {
      const before = left.size;
      const failure = await this.#putOnce(path, left);
      if (failure === null) break;
      if (left.size < before) backoff.success();
      if (await backoff.failure(failure.afterMs)) continue;
      if (!this.#failing)
        onNotice(
          `W&B's storage takes no tables and pictures (${failure.reason}); they follow the rows later`,
        );
      this.#failing = true;
      this.#restUntil = Date.now() + timing.retryMaxMs;
      this.keep([...left.values()]);
      return [...left.values()];
    }
    if (files.length > 0) this.#failing = false;
    return [];
  }

  /** Takes out of `left` what storage took. URLs are asked for each time: they are signed, and expire. */
  async #putOnce(
    {entity, project, run}: RunPath,
    left: Map<string, MediaFile>,
  ): Promise<{reason: string; afterMs: number | null} | null> {
    const {api} = this.#options;
    const asked = await api.graphql('CreateRunFiles', {entity, project, run, files: [...left.keys()]});
    if (asked.status !== 'ok')
      return {reason: asked.reason, afterMs: asked.status === 'retry' ? asked.afterMs : null};
    const {uploadHeaders, files} = asked.value.createRunFiles as {
      uploadHeaders: string[] | null;
      files: {name: string; uploadUrl: string}[];
    };
    let failure: {reason: string; afterMs: number | null} | null = null;
    for (const {name, uploadUrl} of files) {
      const file = left.get(name);
      if (file === undefined) continue;
      const outcome = await api.put(uploadUrl, uploadHeaders ?? [], file.bytes);
      if (outcome.status === 'ok') {
        left.delete(name);
        continue;
      }
      failure = {reason: outcome.reason, afterMs: outcome.status === 'retry' ? outcome.afterMs : null};
      // A refusal is about one file; trouble is about all.
      if (outcome.status === 'retry') break;
    }
    return left.size === 0 ? null : (failure ?? {reason: 'it named no place for them', afterMs: null});
  }

  /** Owed from now on. */
  keep(files: readonly MediaFile[]): void {
    const {folder, state, save, onNotice} = this.#options;
    for (const {path, bytes} of files) {
      if (state.owedFiles.includes(path)) continue;
      const to = join(folder, owedFolder, path);
      try {
        mkdirSync(dirname(to), {recursive: true});
        writeFileSync(to, bytes);
        state.owedFiles.push(path);
      } catch (error) {
        onNotice(`${path} is lost: it can neither be sent nor be kept in ${to}: ${messageOf(error)}`);
      }
    }
    if (files.length > 0) save();
  }
}
