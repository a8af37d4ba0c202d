import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {openSafetensors, type Preprocessor} from '../../src/models/index.js';
import {preprocessorOf} from '../../src/models/folders/preprocessor.js';
import {decodeImage} from '../../src/probes/decode-image.js';

const cases = 'test/fixtures/cases';
const json = (...path: string[]): Record<string, unknown> =>
  JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>;

/** The largest difference to what the library makes of each image, in levels of 255. */
async function levelsOff(
  folder: string,
  expected: string,
  preprocessor?: Preprocessor,
): Promise<Record<string, number>> {
  const file = await openSafetensors(join(folder, expected));
  const off: Record<string, number> = {};
  for (const name of file.names()) {
    const {data} = await file.read(name);
    const image = await decodeImage(join(folder, name), {preprocessor, channels: 3, name});
    expect(image.data).toHaveLength(data.length);
    off[name] = Math.max(...image.data.map((value, at) => Math.abs(value - Number(data[at])))) * 255;
  }
  await file.close();
  return off;
}

const atMost = (levels: Record<string, number>, most: number) =>
  Object.entries(levels).filter(([, off]) => off > most);

describe('pixels are those of the library that the model was trained with', () => {
  test('in every mode that a file may hold, orientation and transparency ignored', async () => {
    const folder = 'test/fixtures/probes/modes';
    const levels = await levelsOff(folder, 'expected.safetensors');
    expect(Object.keys(levels)).toHaveLength(readdirSync(folder).length - 1);
    expect(atMost(levels, 2.5)).toEqual([]);
  });

  test('colour profiles are ignored', async () => {
    const folder = join(cases, 'image-icc');
    const preprocessor = preprocessorOf(json(folder, 'model', 'preprocessor_config.json'), {}, folder);
    expect(atMost(await levelsOff(folder, 'expected.safetensors', preprocessor), 2.5)).toEqual([]);
  });

  test.each([
    ['timm', 'timm'],
    ['dinov2', 'transformers-pil'],
    ['dinov2', 'transformers-torchvision'],
  ])('the centre of an image is cut out as %s (%s) cuts it', async (model, expected) => {
    const folder = join(cases, 'centre-crop');
    const config = json(folder, model, 'config.json');
    const processing = model === 'timm' ? undefined : json(folder, model, 'preprocessor_config.json');
    const levels = await levelsOff(
      folder,
      `${expected}.safetensors`,
      preprocessorOf(processing, config, folder),
    );
    expect(Object.keys(levels)).toHaveLength(4);
    expect(atMost(levels, 2.5)).toEqual([]);
  });
});
