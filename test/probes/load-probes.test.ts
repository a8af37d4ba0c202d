import {execFileSync} from 'node:child_process';
import {copyFile, mkdir, mkdtemp, rm, symlink, truncate, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import sharp from 'sharp';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {openSafetensors, writeSafetensors, type Preprocessor} from '../../src/models/index.js';
import {decodeImage} from '../../src/probes/decode-image.js';
import {listImages, spread} from '../../src/probes/image-folder.js';
import {loadProbes, loadSeeds} from '../../src/probes/load-probes.js';
import type {Images} from '../../src/types.js';
import {analyticProbes} from '../analytic/engine.js';

const fixtures = 'test/fixtures/probes';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invariance-probes-'));
});
afterEach(() => rm(folder, {recursive: true, force: true}));

const preprocessor = (changes: Partial<Preprocessor>): Preprocessor => ({
  mean: [0, 0, 0],
  std: [1, 1, 1],
  size: {height: 16, width: 16},
  resize: {height: 16, width: 16},
  resample: 'bilinear',
  rescale: 1 / 255,
  ...changes,
});

async function picture(name: string, {width = 8, height = 8} = {}): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, '..'), {recursive: true});
  const background = {r: (name.length * 40) % 256, g: 100, b: 0};
  await sharp({create: {width, height, channels: 3, background}}).toFile(path);
  return path;
}

describe('an image becomes what transformers makes of it', () => {
  const ways: Record<string, Preprocessor> = {
    bilinear: preprocessor({}),
    enlarged: preprocessor({size: {height: 44, width: 60}, resize: {height: 44, width: 60}}),
    cropped: preprocessor({resize: {shortestEdge: 24}, resample: 'bicubic'}),
    padded: preprocessor({
      resize: {shortestEdge: 16},
      size: {height: 20, width: 20},
      resample: 'bicubic',
    }),
  };
  const files = ['colour.png', 'colour.jpg', 'colour.webp', 'alpha.png', 'grey.png'];
  test.each(files.flatMap(file => Object.keys(ways).map(way => ({file, way}))))(
    '$file, $way',
    async ({file, way}) => {
      const expected = await openSafetensors(join(fixtures, 'expected.safetensors'));
      const {shape, data} = await expected.read(`${file}.${way}`);
      await expected.close();
      const image = await decodeImage(join(fixtures, file), {
        preprocessor: ways[way]!,
        channels: 3,
        name: file,
      });
      expect([image.channels, image.height, image.width]).toEqual(shape);
      const differences = image.data.map((value, at) => Math.abs(value - Number(data[at])));
      // The last bit of 8 differs where a filter falls between two levels, and where a JPEG is decoded.
      expect(differences.reduce((sum, value) => sum + value, 0) / differences.length).toBeLessThan(0.5 / 255);
      expect(Math.max(...differences)).toBeLessThan(2.5 / 255);
    },
  );
});

describe('a folder', () => {
  test('gives its images in order of name, whatever their format', async () => {
    for (const file of ['b.png', 'a.jpg', 'd.webp', 'c.PNG.png']) await picture(file);
    await writeFile(join(folder, 'notes.txt'), 'no image');
    await copyFile(join(folder, 'b.png'), join(folder, '.hidden.png'));
    expect((await listImages(folder, 64)).files.map(path => basename(path))).toEqual([
      'a.jpg',
      'b.png',
      'c.PNG.png',
      'd.webp',
    ]);
    const {images, source} = await loadProbes(folder);
    expect(images).toMatchObject({count: 4, channels: 3, height: 8, width: 8});
    expect(source).toBe(folder);
  });

  test('with classes is cut to equal numbers of each, spread over their files, the same every time', async () => {
    for (const [name, count] of Object.entries({cat: 9, dog: 9, bird: 2}))
      for (let at = 0; at < count; at++) await picture(`${name}/${at}.png`);
    const {files} = await listImages(folder, 8);
    expect(files.map(path => path.slice(folder.length + 1))).toEqual([
      'bird/0.png',
      'bird/1.png',
      'cat/0.png',
      'cat/3.png',
      'cat/6.png',
      'dog/0.png',
      'dog/3.png',
      'dog/6.png',
    ]);
    expect((await listImages(folder, 8)).files).toEqual(files);
    expect((await loadProbes(folder, {max: 8})).images.count).toBe(8);
  });

  test('passes over what is hidden, a copy of macOS, and links that lead back or nowhere', async () => {
    for (const name of [
      'cat',
      'dog',
      '.ipynb_checkpoints',
      '.Trash-1000/files',
      '__MACOSX/cat',
      'cat/.thumbs',
    ])
      for (const at of [0, 1]) await picture(`${name}/${at}.png`);
    await symlink(folder, join(folder, 'dog/back'));
    await symlink(join(folder, 'absent'), join(folder, 'dog/nowhere.png'));
    execFileSync('mkfifo', [join(folder, 'dog/pipe.png')]);
    const {files} = await listImages(folder, 64);
    expect(files.map(path => path.slice(folder.length + 1))).toEqual([
      'cat/0.png',
      'cat/1.png',
      'dog/0.png',
      'dog/1.png',
    ]);
  });

  test('follows links to images and to folders of them', async () => {
    await picture('cat/0.png');
    const elsewhere = await mkdtemp(join(tmpdir(), 'invariance-elsewhere-'));
    await copyFile(join(folder, 'cat/0.png'), join(elsewhere, '1.png'));
    await symlink(elsewhere, join(folder, 'dog'));
    expect((await listImages(folder, 64)).files).toEqual([
      join(folder, 'cat/0.png'),
      join(folder, 'dog/1.png'),
    ]);
    await rm(elsewhere, {recursive: true});
  });

  test('says which images cannot be read, and which classes are left out by that', async () => {
    for (const at of [0, 1, 2, 3]) await picture(`cat/${at}.png`);
    for (const file of ['cat/a.jxl', 'dog/0.bmp', 'bird/0.ppm']) {
      await mkdir(join(folder, file, '..'), {recursive: true});
      await writeFile(join(folder, file), '');
    }
    const {images, passedOver} = await loadProbes(folder);
    expect(images.count).toBe(4);
    expect(passedOver).toBe(
      '3 of 7 images were passed over: .ppm, .jxl, .bmp cannot be read, convert them to PNG; no image was taken of bird, dog; ' +
        'taken were 4 images (4 of cat)',
    );
    await rm(join(folder, 'cat'), {recursive: true});
    await expect(loadProbes(folder)).rejects.toThrow(
      /holds no image; .*2 of 2 images were passed over: \.ppm, \.bmp/,
    );
  });

  test('of splits gives the validation split alone, its classes as labels, and says so', async () => {
    for (const split of ['train', 'val', 'test'])
      for (const name of ['cat', 'dog']) for (const at of [1, 2]) await picture(`${split}/${name}/${at}.png`);
    const {images, source, labels, passedOver} = await loadProbes(folder);
    expect(images.count).toBe(4);
    expect(source).toBe(join(folder, 'val'));
    expect(labels).toEqual([{source: 'class folders', names: ['cat', 'dog'], of: [0, 0, 1, 1]}]);
    expect(passedOver).toBe(
      `val was taken of the splits val, test, train; for another give its own folder, as ${join(folder, 'test')}; ` +
        'taken were 4 images (2 of cat, 2 of dog)',
    );
  });

  test('of one split is that split, without a word', async () => {
    for (const name of ['cat', 'dog']) for (const at of [1, 2]) await picture(`Train/${name}/${at}.png`);
    expect(await listImages(folder, 64)).toMatchObject({root: join(folder, 'Train'), passedOver: null});
  });

  test('with a class that is named like a split keeps its classes', async () => {
    for (const name of ['train', 'bus']) for (const at of [1, 2]) await picture(`${name}/${at}.png`);
    const {source, labels} = await loadProbes(folder);
    expect(source).toBe(folder);
    expect(labels[0]?.names).toEqual(['bus', 'train']);
  });

  test('of labels by path and splits takes paths from the folder that was given', async () => {
    for (const at of [1, 2, 3, 4]) await picture(`test/${at}.png`);
    const labels = join(folder, 'labels.json');
    await writeFile(
      labels,
      JSON.stringify(Object.fromEntries([1, 2, 3, 4].map(at => [`test/${at}.png`, at % 2]))),
    );
    expect((await loadProbes(folder, {labels})).labels[0]?.of).toEqual([1, 0, 1, 0]);
  });

  test('spread gives what there is where there is less than asked', () => {
    expect(spread([[1, 2], [3]], 64)).toEqual([1, 2, 3]);
    expect(spread([[1, 2, 3, 4]], 2)).toEqual([1, 3]);
  });

  test('that is empty, or holds no images, is refused', async () => {
    await writeFile(join(folder, 'notes.txt'), '');
    await expect(loadProbes(folder)).rejects.toMatchObject({
      code: 'bad_probes',
      message: expect.stringContaining(`${folder} holds no image`) as string,
    });
  });

  test('that is not there is refused', async () => {
    await expect(loadProbes(join(folder, 'absent'))).rejects.toThrow(
      /absent cannot be read.*FILE\.safetensors:key/,
    );
  });

  test('with fewer than 4 images is refused', async () => {
    for (const file of ['a.png', 'b.png', 'c.png']) await picture(file);
    await expect(loadProbes(folder)).rejects.toThrow(`${folder} holds 3 images; at least 4 are needed`);
  });

  test('of mixed sizes needs a preprocessor', async () => {
    for (const file of ['a.png', 'b.png', 'c.png']) await picture(file);
    await picture('d.png', {width: 9});
    await expect(loadProbes(folder)).rejects.toThrow(/images of 3 × 8 × 8 and of 3 × 8 × 9/);
    const {images} = await loadProbes(folder, {preprocessor: preprocessor({})});
    expect(images).toMatchObject({count: 4, height: 16, width: 16});
  });

  test('of squares is taken by a processor that keeps proportions and does not crop, and no other', async () => {
    for (const file of ['a.png', 'b.png', 'c.png', 'd.png']) await picture(file);
    const kept = preprocessor({resize: {shortestEdge: 16}, crop: 'none'});
    expect((await loadProbes(folder, {preprocessor: kept})).images).toMatchObject({height: 16, width: 16});
    await picture('d.png', {width: 9});
    await expect(loadProbes(folder, {preprocessor: kept})).rejects.toThrow(
      /image .*d\.png becomes 16 × 18, and the model takes 16 × 16: .*make it square, or set do_center_crop/,
    );
  });

  test('with an unreadable image is refused by the name of that image', async () => {
    for (const file of ['a.png', 'b.png', 'c.png', 'd.png']) await picture(file);
    await writeFile(join(folder, 'c.png'), 'not a picture');
    await expect(loadProbes(folder)).rejects.toThrow(/image .*c\.png cannot be read/);
    await copyFile(join(fixtures, 'colour.png'), join(folder, 'c.png'));
    await truncate(join(folder, 'c.png'), 2000);
    await expect(loadProbes(folder)).rejects.toThrow(/image .*c\.png cannot be read/);
  });
});

describe('a tensor file', () => {
  const {data} = analyticProbes({count: 6});
  const shape = [6, 1, 4, 4];
  const save = async (tensors: Record<string, {shape: number[]; data: Float32Array | BigInt64Array}>) => {
    const path = join(folder, 'probes.safetensors');
    await writeSafetensors(path, new Map(Object.entries(tensors)));
    return path;
  };

  test('is named with its key, or without where it holds one tensor', async () => {
    const one = await save({images: {shape, data}});
    expect((await loadProbes(one)).images).toEqual({count: 6, channels: 1, height: 4, width: 4, data});
    const two = await save({images: {shape, data}, seeds: {shape, data}});
    expect((await loadProbes(`${two}:images`)).images.data).toEqual(data);
    await expect(loadProbes(two)).rejects.toThrow(/several tensors; name one: .*:images or :seeds/);
    await expect(loadProbes(`${two}:pictures`)).rejects.toThrow(/no tensor pictures; it holds images, seeds/);
  });

  test('is cut evenly over its rows', async () => {
    const {images} = await loadProbes(await save({images: {shape, data}}), {max: 4});
    expect(images.data).toEqual(
      Float32Array.from([0, 1, 3, 4].flatMap(row => [...data.slice(16 * row, 16 * row + 16)])),
    );
  });

  test.each<[string, RegExp, {shape: number[]; data: Float32Array | BigInt64Array}]>([
    ['rank', /shape \[6, 16\]; images are/, {shape: [6, 16], data}],
    ['type', /is I64; images are F32/, {shape: [4, 1, 1, 1], data: new BigInt64Array(4)}],
    [
      'range',
      /holds the pixel 255; probes lie in \[0, 1\]/,
      {shape: [4, 1, 1, 1], data: Float32Array.of(0, 1, 2 ** 8 - 1, 0)},
    ],
    ['number', /values that are not finite/, {shape: [4, 1, 1, 1], data: Float32Array.of(0, 1, NaN, 0)}],
    ['count', /holds 3 images/, {shape: [3, 1, 1, 1], data: new Float32Array(3)}],
  ])('of a wrong %s is refused', async (_, message, tensor) => {
    await expect(loadProbes(`${await save({images: tensor})}:images`)).rejects.toThrow(message);
  });

  test('gives seeds outside [0, 1], as many as there are probes', async () => {
    const wild = data.map(value => 8 * value - 4);
    const path = `${await save({seeds: {shape, data: wild}})}:seeds`;
    const probes = analyticProbes({count: 4});
    expect(await loadSeeds(path, probes)).toEqual({...probes, data: wild.slice(0, 64)});
    await expect(loadSeeds(path, analyticProbes({count: 7}))).rejects.toThrow('6 seeds for 7 probes');
    await expect(loadSeeds('7', probes)).rejects.toThrow(/invalid seeds: 7/);
  });
});

describe('in memory', () => {
  test('images are taken as they are, cut to the most', async () => {
    const images = analyticProbes({count: 6});
    expect((await loadProbes(images)).images).toBe(images);
    expect((await loadProbes(images, {max: 4})).images.count).toBe(4);
  });

  test('an iterable of batches, files and bytes is read until there are enough', async () => {
    const batch: Images = (await loadProbes(await fourPictures())).images;
    async function* endless() {
      for (;;) {
        yield batch;
        yield join(folder, 'a.png');
        yield await sharp(join(folder, 'b.png')).png().toBuffer();
      }
    }
    const {images, source} = await loadProbes(endless(), {max: 9});
    expect(images.count).toBe(9);
    expect(images.data.slice(0, batch.data.length)).toEqual(batch.data);
    expect(images.data.slice(4 * 192, 5 * 192)).toEqual(batch.data.slice(0, 192));
    expect(source).toBe('an iterable');
    await expect(loadProbes([])).rejects.toThrow('an iterable holds no images');
  });

  async function fourPictures() {
    for (const file of ['a.png', 'b.png', 'cc.png', 'ddd.png']) await picture(file);
    return folder;
  }
});

test('a number of probes that makes no sense is refused', async () => {
  for (const max of [3, 0, 4.5, NaN])
    await expect(loadProbes(analyticProbes(), {max})).rejects.toThrow(`invalid number of probes: ${max}`);
});
