import {mkdirSync, readdirSync, readFileSync, rmSync, statSync} from 'node:fs';
import {basename, dirname, join, relative, sep} from 'node:path';
import {replaceFileSync} from '../../../disk/index.js';
import type {MediaFile} from '../content/media.js';

/** Folder in a run folder for tables and pictures that W&B does not have yet. */
export const owedFolder = 'wandb-owed';

/**
 * Tables and pictures between the row that names them and the storage behind W&B: in the run's folder, so that they
 * outlive the process; in memory where the disk takes none.
 */
export class OwedFiles {
  readonly #root: string;
  /** Bytes of those that are on no disk. */
  readonly #paths = new Map<string, MediaFile['bytes'] | null>();

  constructor(folder: string) {
    this.#root = join(folder, owedFolder);
    for (const name of namesIn(this.#root)) this.#paths.set(name, null);
  }

  /** Oldest first. */
  get paths(): string[] {
    return [...this.#paths.keys()];
  }

  keep({path, bytes}: MediaFile): void {
    try {
      const to = join(this.#root, path);
      mkdirSync(dirname(to), {recursive: true});
      replaceFileSync(to, bytes);
      this.#paths.set(path, null);
    } catch {
      this.#paths.set(path, bytes);
    }
  }

  /** Null where it cannot be read any more. */
  read(path: string): MediaFile | null {
    try {
      return {path, bytes: this.#paths.get(path) ?? new Uint8Array(readFileSync(join(this.#root, path)))};
    } catch {
      return null;
    }
  }

  remove(path: string): void {
    this.#paths.delete(path);
    rmSync(join(this.#root, path), {force: true});
    if (this.#paths.size === 0) rmSync(this.#root, {recursive: true, force: true});
  }
}

function namesIn(root: string): string[] {
  try {
    return readdirSync(root, {recursive: true, encoding: 'utf8'})
      .filter(name => !basename(name).startsWith('.') && statSync(join(root, name)).isFile())
      .map(name => relative('.', name).split(sep).join('/'));
  } catch {
    return [];
  }
}
