import * as fs from 'node:fs';
import {mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, describe, expect, it} from 'vitest';
import {openAppendLog, type LogFileSystem} from '../../src/journal/append-log.js';

let path: string;
let troubles: string[];
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'append-log-')), 'log.jsonl');
  troubles = [];
});

/** A disk that can be full, takes no more than `most` bytes at a time, and counts what it is asked to keep. */
function disk({most = Infinity} = {}) {
  const state = {
    full: false,
    syncs: 0,
    refusesSync: false,
    refusesTruncate: false,
    fs: {
      ...fs,
      writeSync: ((fd: number, bytes: Buffer, offset: number) => {
        const length = Math.min(most, bytes.length - offset);
        if (!state.full) return fs.writeSync(fd, bytes, offset, length);
        fs.writeSync(fd, bytes, offset, Math.min(3, length));
        throw new Error('ENOSPC');
      }) as typeof fs.writeSync,
      fsyncSync(fd: number) {
        state.syncs++;
        if (state.refusesSync) throw new Error('EINVAL');
        fs.fsyncSync(fd);
      },
      ftruncateSync(fd: number, length?: number) {
        if (state.refusesTruncate) throw new Error('ENOSPC');
        fs.ftruncateSync(fd, length);
      },
    } satisfies LogFileSystem,
  };
  return state;
}

function open(options: {fs?: LogFileSystem; bound?: number} = {}) {
  return openAppendLog(path, {
    ...options,
    onTrouble: ({kind, message}) => troubles.push(`${kind}: ${message.replace(path, 'the log')}`),
  });
}

const cheap = {durable: false};
/** Bytes of one read. */
const read = 1024 * 1024;
const text = () => readFileSync(path, 'utf8');

describe('an append-only log', () => {
  it('has each line in the file when its call returns', () => {
    const log = open();
    expect(log.append('one', cheap)).toBe(true);
    expect(text()).toBe('one\n');
    expect(log.append('two', cheap)).toBe(true);
    expect(text()).toBe('one\ntwo\n');
    log.close();
    expect(troubles).toEqual([]);
  });

  it('writes on where the system takes a line in pieces', () => {
    const log = open({fs: disk({most: 2}).fs});
    log.append('a line of some length', cheap);
    log.append('ä', cheap);
    expect(text()).toBe('a line of some length\nä\n');
  });

  it('asks the disk to keep a durable line, and no other', () => {
    const state = disk();
    const log = open({fs: state.fs});
    log.append('cheap', cheap);
    expect(state.syncs).toBe(0);
    log.append('dear', {durable: true});
    expect(state.syncs).toBe(1);
  });

  it('takes no harm from a file system that does not know how to keep', () => {
    const state = disk();
    state.refusesSync = true;
    const log = open({fs: state.fs});
    expect(log.append('one', {durable: true})).toBe(true);
    expect(text()).toBe('one\n');
    expect(troubles).toEqual([]);
  });

  it.each([
    ['nothing', 'one\ntwo\n', 'one\ntwo\n'],
    ['a torn line', 'one\ntwo', 'one\n'],
    ['nothing but a torn line', 'one', ''],
    ['a torn line longer than a read', `one\n${'x'.repeat(2 * read)}`, 'one\n'],
    ['what follows a line that ends with a read', `${'y'.repeat(read - 1)}\nxx`, `${'y'.repeat(read - 1)}\n`],
    [
      'what follows a line that ends with the first byte of a read',
      `${'y'.repeat(read)}\nxx`,
      `${'y'.repeat(read)}\n`,
    ],
    ['what follows an empty line', '\nxx', '\n'],
  ])('goes on behind the last whole line: cuts off %s', (_, before, kept) => {
    writeFileSync(path, before);
    const log = open();
    expect(text()).toBe(kept);
    expect(log.lines).toBe(kept.split('\n').length - 1);
    log.append('next', cheap);
    expect(text()).toBe(`${kept}next\n`);
  });

  it('cannot be opened where nothing can be written, and says what to do', () => {
    path = join(path, 'nowhere', 'log.jsonl');
    expect(() => open()).toThrow(
      expect.objectContaining({
        code: 'io_failed',
        message: expect.stringMatching(
          /^cannot write .*log\.jsonl: ENOENT.*; name a writable folder$/,
        ) as string,
        cause: expect.objectContaining({code: 'ENOENT'}) as Error,
      }),
    );
  });
});

describe('an append-only log on a full disk', () => {
  it('leaves no half line, keeps what comes in order, and writes it all when there is room', () => {
    const state = disk();
    const log = open({fs: state.fs});
    log.append('one', cheap);
    state.full = true;
    expect(log.append('second', cheap)).toBe(true);
    expect(log.append('third', {durable: true})).toBe(true);
    expect(log.flush()).toBe(false);
    expect(text()).toBe('one\n');
    expect(state.syncs).toBe(0);
    expect(troubles).toEqual(['failing: cannot write the log: ENOSPC; keeping records in memory']);
    state.full = false;
    log.append('fourth', cheap);
    expect(text()).toBe('one\nsecond\nthird\nfourth\n');
    expect(troubles.slice(1)).toEqual(['recovered: the log can be written again']);
  });

  it('says so again when the disk is full again', () => {
    const state = disk();
    const log = open({fs: state.fs});
    for (const full of [true, false, true, false]) {
      state.full = full;
      log.append('line', cheap);
    }
    expect(troubles.map(trouble => trouble.split(':')[0])).toEqual([
      'failing',
      'recovered',
      'failing',
      'recovered',
    ]);
  });

  it('keeps as many bytes as its bound, says once that more are lost, and takes lines again afterwards', () => {
    const state = disk();
    const log = open({fs: state.fs, bound: 8});
    state.full = true;
    // With its line feed, each is four bytes.
    expect(['one', 'two', 'six', 'ten'].map(line => log.append(line, cheap))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(troubles.slice(1)).toEqual(['dropping: the log: more than 8 bytes wait; records are lost']);
    state.full = false;
    expect(log.flush()).toBe(true);
    expect(['red', 'sky'].map(line => log.append(line, cheap))).toEqual([true, true]);
    expect(text()).toBe('one\ntwo\nred\nsky\n');
    state.full = true;
    ['one', 'two', 'six'].forEach(line => log.append(line, cheap));
    expect(troubles.filter(trouble => trouble.startsWith('dropping'))).toHaveLength(2);
  });

  it('writes what waits when it is closed', () => {
    const state = disk();
    const log = open({fs: state.fs});
    state.full = true;
    log.append('one', cheap);
    state.full = false;
    log.close();
    expect(text()).toBe('one\n');
  });

  it('does not throw where not even half a line can be taken back', () => {
    const state = disk();
    const log = open({fs: state.fs});
    state.full = state.refusesTruncate = true;
    expect(log.append('second', cheap)).toBe(true);
    expect(text()).toBe('sec');
  });
});
