import {InvarianceError} from '../../../errors.js';
import type {Api, RunPath} from '../protocol/api.js';
import type {Backoff} from '../protocol/backoff.js';
import type {MediaFile} from '../content/media.js';
import {OwedFiles} from './owed-files.js';
import type {OwedList} from './owed.js';

/** Files that one question to W&B asks places for. */
const filesAtOnce = 20;

export interface MediaUploadsOptions {
  api: Api;
  folder: string;
  owed: OwedList;
  path: () => Promise<RunPath>;
  /** Whether posts of ours tell W&B which files are stored; into a run that another client streams, none do. */
  tells: boolean;
  onNotice: (message: string) => void;
}

interface Failure {
  reason: string;
  afterMs: number | null;
}

/**
 * Tables and pictures on their way to the storage behind W&B, which fails apart from W&B itself. They are owed from
 * before the row that names them is sent until W&B was told that they are stored.
 */
export class MediaUploads {
  readonly #options: MediaUploadsOptions;
  readonly #files: OwedFiles;
  /** Stored, which W&B was not told yet. */
  readonly #arrived = new Set<string>();

  constructor(options: MediaUploadsOptions) {
    this.#options = options;
    this.#files = new OwedFiles(options.folder);
    this.#note();
  }

  /** To be called before the row that names them is sent. */
  keep(files: readonly MediaFile[]): void {
    for (const file of files) this.#files.keep(file);
    if (files.length > 0) this.#note();
  }

  get waiting(): string[] {
    return this.#files.paths.filter(path => !this.#arrived.has(path));
  }

  get arrived(): string[] {
    return [...this.#arrived];
  }

  /** W&B knows of these now. */
  told(paths: readonly string[]): void {
    for (const path of paths) {
      this.#arrived.delete(path);
      this.#files.remove(path);
    }
    if (paths.length > 0) this.#note();
  }

  /** Sends all that wait; throws the last reason where some could not be sent within the patience. */
  async deliver(backoff: Backoff): Promise<void> {
    const paths = this.waiting;
    let failure: Failure | null = null;
    for (let i = 0; i < paths.length; i += filesAtOnce)
      failure = (await this.#put(paths.slice(i, i + filesAtOnce), backoff)) ?? failure;
    if (!this.#options.tells) this.told(this.arrived);
    if (failure !== null) throw new InvarianceError('tracker_failed', failure.reason);
  }

  #note(): void {
    const files = this.#files.paths.length;
    if (files > 0) this.#options.owed.add({kind: 'media', files});
    else this.#options.owed.settle({kind: 'media', files});
  }

  async #put(paths: readonly string[], backoff: Backoff): Promise<Failure | null> {
    const left = new Set(paths);
    for (;;) {
      const before = left.size;
      const failure = await this.#putOnce(left);
      if (left.size < before) backoff.success();
      if (failure === null || !(await backoff.failure(failure.afterMs))) return failure;
    }
  }

  /** Takes out of `left` what storage took. URLs are asked for each time: they are signed, and expire. */
  async #putOnce(left: Set<string>): Promise<Failure | null> {
    const {api, path} = this.#options;
    const {entity, project, run} = await path();
    const asked = await api.graphql('CreateRunFiles', {entity, project, run, files: [...left]});
    if (asked.status !== 'ok')
      return {reason: asked.reason, afterMs: asked.status === 'retry' ? asked.afterMs : null};
    const {uploadHeaders, files} = asked.value.createRunFiles as {
      uploadHeaders: string[] | null;
      files: {name: string; uploadUrl: string}[];
    };
    let failure: Failure | null = null;
    for (const {name, uploadUrl} of files.filter(file => left.has(file.name))) {
      const file = this.#files.read(name);
      const outcome = file === null ? null : await api.put(uploadUrl, uploadHeaders ?? [], file.bytes);
      if (outcome === null || outcome.status === 'ok') {
        left.delete(name);
        if (outcome === null) this.#lose(name);
        else this.#arrived.add(name);
        continue;
      }
      failure = {reason: outcome.reason, afterMs: outcome.status === 'retry' ? outcome.afterMs : null};
      // A refusal is about one file; trouble is about all.
      if (outcome.status === 'retry') break;
    }
    return left.size === 0 ? null : (failure ?? {reason: 'it named no place for them', afterMs: null});
  }

  #lose(path: string): void {
    this.#files.remove(path);
    this.#options.onNotice(`${path} is lost: it can be read no more, and W&B does not have it`);
  }
}
