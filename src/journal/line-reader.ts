import {closeSync, openSync, readSync, statSync} from 'node:fs';
import {basename} from 'node:path';
import {InvarianceError, messageOf} from '../errors.js';

/** Bytes read at a time. */
const CHUNK_BYTES = 256 * 1024;

/** No record is as long, and no longer one could be one string: 128 MiB. Such a line is left out. */
const LINE_BYTES = 128 * 1024 * 1024;

/** One line of a file, without its line feed. */
export interface Line {
  /** From 0. */
  number: number;
  /** Null where it is too long to be anything. */
  text: string | null;
}

export interface LineReaderOptions {
  chunkBytes?: number;
  lineBytes?: number;
}

/**
 * Follows a file that grows, whole lines only: half a line may still be cut off and written anew. Holds a chunk of the file
 * and one line, however large the file is.
 */
export class LineReader {
  readonly #path: string;
  readonly #chunkBytes: number;
  readonly #lineBytes: number;
  #chunk = Buffer.alloc(0);
  /** In the file: where the line under way begins, and the end of the chunk. */
  #start = 0;
  #end = 0;
  /** In the chunk: the end of what is read. */
  #at = 0;
  #number = 0;
  #isTorn = false;

  constructor(path: string, {chunkBytes = CHUNK_BYTES, lineBytes = LINE_BYTES}: LineReaderOptions = {}) {
    this.#path = path;
    this.#chunkBytes = chunkBytes;
    this.#lineBytes = lineBytes;
  }

  get name(): string {
    return basename(this.#path);
  }

  /**
   * The next line; null where there is none yet.
   * @throws InvarianceError `io_failed` where the file is there and cannot be read
   */
  next(): Line | null {
    let parts: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const feed = this.#chunk.indexOf(0x0a, this.#at);
      const part = this.#chunk.subarray(this.#at, feed < 0 ? undefined : feed);
      bytes += part.length;
      if (bytes > this.#lineBytes) parts = [];
      else parts.push(part);
      if (feed >= 0) {
        this.#at = feed + 1;
        this.#isTorn = false;
        this.#start += bytes + 1;
        const text = bytes > this.#lineBytes ? null : Buffer.concat(parts).toString('utf8');
        return {number: this.#number++, text};
      }
      if (!this.#read()) {
        this.#chunk = Buffer.alloc(0);
        this.#at = 0;
        this.#end = this.#start;
        this.#isTorn = bytes > 0;
        return null;
      }
    }
  }

  /** Whether the file ended in half a line when its end was reached: the part of one that a killed process left. */
  get isTorn(): boolean {
    return this.#isTorn;
  }

  /** Reads on; false at the end of the file. */
  #read(): boolean {
    try {
      // Looked at first: a journal is asked for more far oftener than it grows.
      const {size = 0} = statSync(this.#path, {throwIfNoEntry: false}) ?? {};
      if (size <= this.#end) return false;
      const fd = openSync(this.#path, 'r');
      try {
        const chunk = Buffer.allocUnsafe(Math.min(this.#chunkBytes, size - this.#end));
        const read = readSync(fd, chunk, 0, chunk.length, this.#end);
        this.#chunk = chunk.subarray(0, read);
        this.#end += read;
        this.#at = 0;
        return read > 0;
      } finally {
        closeSync(fd);
      }
    } catch (cause) {
      throw new InvarianceError('io_failed', `cannot read ${this.#path}: ${messageOf(cause)}`, {cause});
    }
  }
}
