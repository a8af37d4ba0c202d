import {mkdtempSync, readFileSync, statSync, utimesSync, writeFileSync} from 'node:fs';
import {mkdir, readdir, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, describe, expect, it} from 'vitest';
import {linkFolder, removeFolder, sweep} from '../../src/disk/folders.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'folders-'));
});

async function fill(folder: string, text: string): Promise<void> {
  await mkdir(join(folder, 'inner'), {recursive: true});
  await writeFile(join(folder, 'a'), text);
  await writeFile(join(folder, 'inner/b'), text);
}

describe('removeFolder', () => {
  it('removes a folder, and does not mind one that is gone', async () => {
    const folder = join(dir, 'one');
    await fill(folder, 'text');
    await removeFolder(folder);
    await removeFolder(folder);
    expect(await readdir(dir)).toEqual([]);
  });
});

describe('linkFolder', () => {
  it('shares the files, which outlive the folder they came from', async () => {
    await fill(join(dir, 'one'), 'text');
    await linkFolder(join(dir, 'one'), join(dir, 'two'));
    expect(statSync(join(dir, 'two/a')).ino).toBe(statSync(join(dir, 'one/a')).ino);
    await removeFolder(join(dir, 'one'));
    expect(readFileSync(join(dir, 'two/inner/b'), 'utf8')).toBe('text');
  });

  it('fails where the source is gone', async () => {
    writeFileSync(join(dir, 'file'), '');
    await expect(linkFolder(join(dir, 'none'), join(dir, 'two'))).rejects.toThrow('ENOENT');
  });
});

describe('sweep', () => {
  it('removes what a killed process left half written an hour ago, and nothing else', async () => {
    const left = join(dir, '.checkpoint-10.0a1b2c3d.tmp');
    await fill(left, 'half');
    const longAgo = new Date(Date.now() - 3_700_000);
    utimesSync(left, longAgo, longAgo);
    await fill(join(dir, '.checkpoint-20.0a1b2c3d.tmp'), 'being written');
    await fill(join(dir, 'checkpoint-10'), 'whole');
    await fill(join(dir, '.mine.tmp'), 'whole');
    await sweep(dir);
    await sweep(join(dir, 'none'));
    expect((await readdir(dir)).sort()).toEqual([
      '.checkpoint-20.0a1b2c3d.tmp',
      '.mine.tmp',
      'checkpoint-10',
    ]);
  });
});
