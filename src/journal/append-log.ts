import * as nodeFs from 'node:fs';
import {InvarianceError, messageOf} from '../errors.js';

/** The file system calls an append-only log makes; node:fs by default. */
export type LogFileSystem = Pick<
  typeof nodeFs,
  'openSync' | 'writeSync' | 'fsyncSync' | 'ftruncateSync' | 'fstatSync' | 'readSync' | 'closeSync'
>;

/** What a log keeps in memory while its disk is full: 16 MiB of lines; beyond that new ones are lost, and said so. */
export const bufferBytes = 16 * 1024 * 1024;

/**
 * Append-only file of JSON lines. `append` returns when the line is with the operating system, and with
 * `durable` when it is on the disk. It never throws: what cannot be written is kept, in order, up to a bound, and
 * tried again with the next line.
 */
export interface AppendLog {
  /** False where the line had to be dropped. */
  append(line: string, options: {durable: boolean}): boolean;
  /** Writes what is kept. False where the disk still refuses. */
  flush(): boolean;
  close(): void;
}

export interface AppendLogOptions {
  fs?: LogFileSystem;
  /** Bound on the lines kept while the disk refuses them, in bytes. */
  bound?: number;
  /** Called once when writing starts to fail, once when lines must be dropped, and once when it works again. */
  onTrouble: (trouble: {kind: 'failing' | 'dropping' | 'recovered'; message: string}) => void;
}

/** Length of the file up to and with its last line feed: what stands behind it is a torn line. */
function soundLength(fs: LogFileSystem, fd: number): number {
  const chunk = Buffer.alloc(64 * 1024);
  let end = fs.fstatSync(fd).size;
  while (end > 0) {
    const start = Math.max(0, end - chunk.length);
    const read = fs.readSync(fd, chunk, 0, end - start, start);
    const at = chunk.subarray(0, read).lastIndexOf(0x0a);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

/**
 * Opens a log for appending and cuts off a torn last line.
 * @throws InvarianceError `io_failed` where the file cannot be opened for writing.
 */
export function openAppendLog(
  path: string,
  {fs = nodeFs, bound = bufferBytes, onTrouble}: AppendLogOptions,
): AppendLog {
  let fd: number;
  let length: number;
  try {
    fd = fs.openSync(path, 'a+');
    length = soundLength(fs, fd);
    fs.ftruncateSync(fd, length);
  } catch (cause) {
    throw new InvarianceError(
      'io_failed',
      `cannot write ${path}: ${messageOf(cause)}; name a writable folder`,
      {cause},
    );
  }
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let failing = false;
  let dropping = false;

  function write(bytes: Buffer): void {
    let done = 0;
    while (done < bytes.length) done += fs.writeSync(fd, bytes, done);
    length += bytes.length;
  }

  function flush(): boolean {
    try {
      while (kept.length > 0) {
        write(kept[0]!);
        keptBytes -= kept.shift()!.length;
      }
      return true;
    } catch (error) {
      try {
        // A full disk may take half a line: without this the next one would be glued to it.
        fs.ftruncateSync(fd, length);
      } catch {
        // The same disk: the reader skips what cannot be parsed.
      }
      if (!failing) {
        failing = true;
        onTrouble({
          kind: 'failing',
          message: `cannot write ${path}: ${messageOf(error)}; keeping records in memory`,
        });
      }
      return false;
    }
  }

  return {
    append(line, {durable}) {
      const bytes = Buffer.from(`${line}\n`);
      if (keptBytes + bytes.length > bound) {
        if (!dropping)
          onTrouble({kind: 'dropping', message: `${path}: more than ${bound} bytes wait; records are lost`});
        dropping = true;
        return false;
      }
      kept.push(bytes);
      keptBytes += bytes.length;
      if (!flush()) return true;
      if (durable) {
        try {
          fs.fsyncSync(fd);
        } catch {
          // Some file systems refuse fsync; the line itself is written.
        }
      }
      if (failing) onTrouble({kind: 'recovered', message: `${path} can be written again`});
      failing = dropping = false;
      return true;
    },
    flush,
    close() {
      flush();
      fs.closeSync(fd);
      kept = [];
    },
  };
}
