import {appendFileSync, mkdtempSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import fc from 'fast-check';
import {beforeEach, describe, expect, it} from 'vitest';
import {LineReader} from '../../src/journal/line-reader.js';

let path: string;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'lines-')), 'a.jsonl');
});

function all(reader: LineReader): (string | null)[] {
  const texts: (string | null)[] = [];
  for (let line = reader.next(); line; line = reader.next()) {
    expect(line.number).toBe(texts.length);
    texts.push(line.text);
  }
  return texts;
}

describe('the lines of a file', () => {
  it('are the same in pieces of any size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({unit: 'grapheme'}).map(text => text.replaceAll('\n', ''))),
        fc.integer({min: 1, max: 50}),
        (lines, chunkBytes) => {
          writeFileSync(path, lines.map(line => `${line}\n`).join(''));
          expect(all(new LineReader(path, {chunkBytes}))).toEqual(lines);
        },
      ),
    );
  });

  it('come as the file grows, each when it is whole', () => {
    const reader = new LineReader(path, {chunkBytes: 4});
    expect(reader.next()).toBeNull();
    appendFileSync(path, 'one\ntw');
    expect(reader.next()).toEqual({number: 0, text: 'one'});
    expect(reader.next()).toBeNull();
    expect(reader.isTorn).toBe(true);
    appendFileSync(path, 'o\n');
    expect(reader.next()).toEqual({number: 1, text: 'two'});
    expect([reader.next(), reader.isTorn]).toEqual([null, false]);
    appendFileSync(path, 'three\n');
    expect(reader.isTorn).toBe(false);
  });

  it('are read anew where half a one was cut off', () => {
    writeFileSync(path, 'one\nhalf of ano');
    const reader = new LineReader(path, {chunkBytes: 5});
    expect(reader.next()?.text).toBe('one');
    expect(reader.next()).toBeNull();
    truncateSync(path, 4);
    appendFileSync(path, 'two, which is longer\n');
    expect(reader.next()).toEqual({number: 1, text: 'two, which is longer'});
  });

  it('that are too long are none, and those behind them are read', () => {
    writeFileSync(path, `one\n${'x'.repeat(101)}\n${'y'.repeat(100)}\n`);
    expect(all(new LineReader(path, {chunkBytes: 30, lineBytes: 100}))).toEqual([
      'one',
      null,
      'y'.repeat(100),
    ]);
  });

  it('are read where a hole of the file is longer than a string may be', () => {
    writeFileSync(path, 'one\n');
    // A sparse file: it takes no room on the disk.
    truncateSync(path, 600 * 2 ** 20);
    appendFileSync(path, '\ntwo\n');
    expect(all(new LineReader(path))).toEqual(['one', null, 'two']);
  });
});
