import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import sharp from 'sharp';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {writeSafetensors} from '../../src/models/index.js';
import {loadProbes} from '../../src/probes/index.js';
import type {Images} from '../../src/types.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invariance-labels-'));
});
afterEach(() => rm(folder, {recursive: true, force: true}));

async function pictures(...names: string[]): Promise<void> {
  for (const name of names) {
    const path = join(folder, 'probes', name);
    await mkdir(join(path, '..'), {recursive: true});
    await sharp({create: {width: 8, height: 8, channels: 3, background: 'red'}}).toFile(path);
  }
}

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

const labelsOf = async (options: Parameters<typeof loadProbes>[1] = {}) =>
  (await loadProbes(join(folder, 'probes'), options)).labels;

const inMemory = (count: number): Images => ({
  count,
  channels: 1,
  height: 2,
  width: 2,
  data: new Float32Array(4 * count).fill(0.5),
});

describe('class folders are labels', () => {
  test('in the order of the images that are taken', async () => {
    await pictures('cat/a.png', 'cat/b.png', 'cat/c.png', 'dog/young/a.png', 'dog/b.png', 'dog/c.png');
    expect(await labelsOf({max: 4})).toEqual([
      {source: 'class folders', names: ['cat', 'dog'], of: [0, 0, 1, 1]},
    ]);
  });

  test('only where there are two classes of two images each', async () => {
    await pictures('cat/a.png', 'cat/b.png', 'cat/c.png', 'dog/a.png');
    expect(await labelsOf()).toEqual([]);
    await pictures('dog/b.png');
    expect(await labelsOf()).toHaveLength(1);
  });

  test('and not where files lie beside them', async () => {
    await pictures('cat/a.png', 'cat/b.png', 'dog/a.png', 'dog/b.png', 'e.png');
    expect(await labelsOf()).toEqual([]);
  });
});

describe('labels that are given', () => {
  test('stand beside those of class folders, by path, from CSV or JSON', async () => {
    await pictures('cat/a.png', 'cat/b, c.png', 'dog/a.png', 'dog/b.png');
    const csv = await file(
      'new.csv',
      'path,label\ncat/a.png,fur\n./cat/b, c.png,fur\r\n\ndog/a.png,leash\ndog/b.png,fur\n',
    );
    const [folders, given] = await labelsOf({labels: csv});
    expect(folders!.source).toBe('class folders');
    expect(given).toEqual({source: csv, names: ['fur', 'leash'], of: [0, 0, 1, 0]});
    const json = await file(
      'new.json',
      '{"cat/a.png": 7, "cat/b, c.png": 7, "dog/a.png": 9, "dog/b.png": 9, "x.png": 1}',
    );
    expect((await labelsOf({labels: json}))[1]).toEqual({source: json, names: ['7', '9'], of: [0, 0, 1, 1]});
  });

  test('are cut as the images of a tensor are', async () => {
    const path = join(folder, 'labels.safetensors');
    const data = BigInt64Array.from([3n, 3n, 5n, 5n, 5n, 3n, 3n, 3n]);
    await writeSafetensors(path, new Map([['labels', {shape: [8], data}]]));
    const source = `${path}:labels`;
    const {labels} = await loadProbes(inMemory(8), {max: 4, labels: source});
    expect(labels).toEqual([{source, names: ['3', '5'], of: [0, 1, 1, 0]}]);
    const list = ['a', 'b', 'a', 'b', 'b', 'a', 'b', 'a'];
    const given = await loadProbes(inMemory(8), {max: 4, labels: list});
    expect(given.labels).toEqual([{source: 'given labels', names: ['a', 'b'], of: [0, 0, 1, 1]}]);
  });

  test('are refused where they do not fit the probes, by name', async () => {
    await pictures('cat/a.png', 'cat/b.png', 'dog/a.png', 'dog/b.png');
    const refused = async (labels: string | number[], message: string, source?: Images) =>
      expect(loadProbes(source ?? join(folder, 'probes'), {labels})).rejects.toMatchObject({
        code: 'bad_probes',
        message: expect.stringContaining(message) as string,
      });
    await refused(await file('few.csv', 'cat/a.png,1\ncat/b.png,2\ndog/a.png,1'), 'no label for dog/b.png');
    await refused(await file('odd.csv', 'cat/a.png'), 'the line "cat/a.png" is no path,label');
    await refused(await file('list.json', '["cat"]'), 'it is no object of path and label');
    await refused(join(folder, 'absent.csv'), 'absent.csv');
    await refused([1, 2, 1, 2], 'a folder of images takes labels by path');
    await refused([1, 2, 1], '3 labels for 4 images', inMemory(4));
    await refused([1, 1, 1, 1], 'all probes are of one class, 1', inMemory(4));
    await refused(join(folder, 'few.csv'), 'give FILE.safetensors:key of integers', inMemory(4));
  });
});
