import {closeSync, fsyncSync, openSync, writeSync} from 'node:fs';
import {crc32} from 'node:zlib';

/** Marks a W&B log: `:W&`, a magic number and version 0. */
const fileHeader = Uint8Array.of(0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00);
const blockBytes = 32 * 1024;
/** crc32 u32, length u16, type u8, all little-endian. */
const chunkHeaderBytes = 7;

const full = 1;
const first = 2;
const middle = 3;
const last = 4;

/**
 * Writes the container of W&B's offline logs: LevelDB's log format behind a header of 7 bytes, which count in the first
 * block of 32 KiB. A payload that does not fit the rest of its block goes on in the next.
 * https://github.com/google/leveldb/blob/main/doc/log_format.md
 */
export class OfflineLogFile {
  readonly #fd: number;
  readonly #block = Buffer.alloc(blockBytes);
  #used = fileHeader.length;

  /** @param path of a file that is not there yet. */
  constructor(path: string) {
    this.#fd = openSync(path, 'wx');
    this.#block.set(fileHeader);
  }

  write(payload: Uint8Array): void {
    let rest = payload;
    for (let isFirst = true; isFirst || rest.length > 0; isFirst = false) {
      if (blockBytes - this.#used < chunkHeaderBytes) this.#nextBlock();
      const part = rest.subarray(0, blockBytes - this.#used - chunkHeaderBytes);
      rest = rest.subarray(part.length);
      this.#chunk(rest.length === 0 ? (isFirst ? full : last) : isFirst ? first : middle, part);
    }
  }

  /** On the disk when it returns. */
  close(): void {
    try {
      writeSync(this.#fd, this.#block, 0, this.#used);
      fsyncSync(this.#fd);
    } finally {
      closeSync(this.#fd);
    }
  }

  #chunk(type: number, part: Uint8Array): void {
    const start = this.#used;
    this.#block.writeUInt16LE(part.length, start + 4);
    this.#block.writeUInt8(type, start + 6);
    this.#block.set(part, start + chunkHeaderBytes);
    this.#used += chunkHeaderBytes + part.length;
    this.#block.writeUInt32LE(crc32(this.#block.subarray(start + 6, this.#used)), start);
  }

  #nextBlock(): void {
    this.#block.fill(0, this.#used);
    writeSync(this.#fd, this.#block);
    this.#used = 0;
  }
}
