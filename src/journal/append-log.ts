import * as nodeFs from 'node:fs';
import {InvarianceError, messageOf} from '../errors.js';

/** The file system calls an append-only log makes; node:fs by default. */
export type LogFileSystem = Pick<
  typeof nodeFs,
  'openSync' | 'writeSync' | 'fsyncSync' | 'ftruncateSync' | 'readSync' | 'closeSync'
>;

/** What a log keeps in memory while its disk is full: 16 MiB of lines; beyond that new ones are lost, and said so. */
export const bufferBytes = 16 * 1024 * 1024;

/**
 * Append-only file of JSON lines. `append` returns when the line is with the operating system, and with
 * `durable` when it is on the disk. It never throws: what cannot be written is kept, in order, up to a bound, and
 * tried again with the next line.
 */
export interface AppendLog {
  /** In the file when it was opened. */
  readonly lines: number;
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

/** Whole lines of the file, and its length up to and with its last line feed: what stands behind it is a torn line. */
function soundPart(fs: LogFileSystem, fd: number): {lines: number; length: number} {
  const chunk = Buffer.alloc(1024 * 1024);
  let lines = 0;
  let length = 0;
  for (
    let start = 0, read: number;
    (read = fs.readSync(fd, chunk, 0, chunk.length, start)) > 0;
    start += read
  ) {
    const bytes = chunk.subarray(0, read);
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) {
      lines++;
      length = start + at + 1;
    }
  }
  return {lines, length};
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
  let lines: number;
  let length: number;
  try {
    fd = fs.openSync(path, 'a+');
    ({lines, length} = soundPart(fs, fd));
    fs.ftruncateSync(fd, length);
  } catch (cause) {
    throw new InvarianceError(
      'io_failed',
      `cannot write ${path}: ${messageOf(cause)}; name a writable folder`,
      {cause},
    );
  }
  const kept: Buffer[] = [];
  let keptBytes = 0;
  let failing = false;
  let dropping = false;
  /** Half a line may stand behind `length`. */
  let torn = false;

  /** The next line would else be glued to half a one, and all lines behind it counted wrongly. */
  function mend(): void {
    if (torn) fs.ftruncateSync(fd, length);
    torn = false;
  }

  function write(bytes: Buffer): void {
    mend();
    torn = true;
    let done = 0;
    while (done < bytes.length) done += fs.writeSync(fd, bytes, done);
    length += bytes.length;
    torn = false;
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
        // Now already, for those who read along.
        mend();
      } catch {
        // The same disk; before the next line.
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
    lines,
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
    },
  };
}
