import {cp, mkdir, readFile, rename, rm, symlink, truncate, writeFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {describe, expect, test} from 'vitest';
import {openModelFolder, openSafetensors, writeModelFolder} from '../../src/models/index.js';
import {fixtures, rejection, scratch} from './scratch.js';

/** A copy of a fixture to damage. */
async function copyOf(name: string): Promise<string> {
  const folder = join(await scratch(), name);
  await cp(join(fixtures, name), folder, {recursive: true});
  return folder;
}

async function expectSameTensors(folder: string, oracle: string): Promise<void> {
  const {tensors} = await openModelFolder(folder);
  const expected = await openSafetensors(oracle);
  expect([...tensors.names()].sort()).toEqual([...expected.names()].sort());
  for (const name of expected.names()) {
    const {shape, data} = await expected.read(name);
    expect(tensors.info(name).shape).toEqual(shape);
    expect((await tensors.read(name)).data).toEqual(data);
  }
  await Promise.all([tensors.close(), expected.close()]);
}

describe('a folder that Python saved', () => {
  test('in shards reads as the same model whole', async () => {
    await expectSameTensors(join(fixtures, 'sharded'), join(fixtures, 'whole/model.safetensors'));
  });

  test.each(['float16', 'bfloat16'])('in %s reads as Python reads it', async name => {
    await expectSameTensors(join(fixtures, name), join(fixtures, `${name}-widened.safetensors`));
  });

  test('comes back the same after we wrote it', async () => {
    const model = await openModelFolder(join(fixtures, 'whole'));
    const tensors = new Map();
    for (const name of model.tensors.names()) tensors.set(name, await model.tensors.read(name));
    await model.tensors.close();
    const folder = join(await scratch(), 'again');
    await writeModelFolder(folder, {...model, tensors});
    await expectSameTensors(folder, join(fixtures, 'whole/model.safetensors'));
    const again = await openModelFolder(folder);
    await again.tensors.close();
    expect(again.config).toEqual(model.config);
    expect(again.preprocessor).toEqual(model.preprocessor);
  });
});

describe('the image processor', () => {
  test('of transformers 5 is that inside processor_config.json, which goes before the older file', async () => {
    const folder = await copyOf('whole');
    const inside = {
      image_processor_type: 'CLIPImageProcessor',
      image_mean: [0.2, 0.3, 0.4],
      size: {height: 16, width: 16},
    };
    await writeFile(join(folder, 'processor_config.json'), JSON.stringify({image_processor: inside}));
    const {preprocessor, tensors} = await openModelFolder(folder);
    await tensors.close();
    expect(preprocessor.mean).toEqual([0.2, 0.3, 0.4]);
    expect(preprocessor.resize).toEqual({height: 16, width: 16});
  });

  test('is the older file where processor_config.json names none', async () => {
    const folder = await copyOf('whole');
    const before = await openModelFolder(folder);
    await writeFile(
      join(folder, 'processor_config.json'),
      JSON.stringify({processor_class: 'CLIPProcessor'}),
    );
    const after = await openModelFolder(folder);
    await Promise.all([before.tensors.close(), after.tensors.close()]);
    expect(after.preprocessor).toEqual(before.preprocessor);
  });
});

describe('a folder that is not whole is refused, with what to do', () => {
  const damages: [string, (folder: string) => Promise<unknown>, RegExp][] = [
    ['without config.json', f => rm(join(f, 'config.json')), /no config\.json: half-written; wait/],
    [
      'with half a config.json',
      f => truncate(join(f, 'config.json'), 40),
      /config\.json: is not JSON .*half-written/,
    ],
    ['with a list as config.json', f => writeFile(join(f, 'config.json'), '[]'), /is not a JSON object/],
    [
      'with half an index',
      f => truncate(join(f, 'model.safetensors.index.json'), 99),
      /is not JSON .*half-written/,
    ],
    [
      'without one shard',
      f => rm(join(f, 'model-00002-of-00002.safetensors')),
      /names the shard .*not there/,
    ],
    ['with half a shard', f => truncate(join(f, 'model-00002-of-00002.safetensors'), 3000), /model-00002.*half-written/], // prettier-ignore
    [
      'with an empty index',
      f => writeFile(join(f, 'model.safetensors.index.json'), '{}'),
      /has no weight_map/,
    ],
    ['without its index', f => rm(join(f, 'model.safetensors.index.json')), /holds no model\.safetensors/],
  ];
  test.each(damages)('%s', async (_, damage, message) => {
    const folder = await copyOf('sharded');
    await damage(folder);
    expect(await rejection(openModelFolder(folder))).toMatchObject({
      code: 'bad_weights',
      message: expect.stringMatching(message),
    });
  });

  test('an index that puts a tensor into a shard without it, or outside the folder', async () => {
    const folder = await copyOf('sharded');
    const path = join(folder, 'model.safetensors.index.json');
    const index = JSON.parse(await readFile(path, 'utf8'));
    index.weight_map['classifier.bias'] = 'model-00002-of-00002.safetensors';
    await writeFile(path, JSON.stringify(index));
    expect(await rejection(openModelFolder(folder))).toMatchObject({
      message: expect.stringMatching(/puts tensor "classifier\.bias" into model-00002.*does not hold it/),
    });
    index.weight_map['classifier.bias'] = '../elsewhere.safetensors';
    await writeFile(path, JSON.stringify(index));
    expect(await rejection(openModelFolder(folder))).toMatchObject({
      message: expect.stringMatching(/puts tensor "classifier\.bias"/),
    });
  });

  test('a folder that is not there', async () => {
    expect(await rejection(openModelFolder('no/such/model'))).toMatchObject({
      code: 'bad_weights',
      message: expect.stringMatching(/no\/such\/model: holds no model\.safetensors/),
    });
  });

  test('a pickled model, with the command that converts it', async () => {
    const folder = await scratch();
    await writeFile(join(folder, 'pytorch_model.bin'), '');
    expect(await rejection(openModelFolder(folder))).toMatchObject({
      code: 'bad_weights',
      message: expect.stringMatching(/pytorch_model\.bin: is a Python pickle.*wandb-invariance convert \S+$/),
    });
  });
});

describe('what a checkpoint leaves out comes from the base', () => {
  test('a lone file takes config and preprocessing', async () => {
    const path = join(await scratch(), 'epoch=1.safetensors');
    await cp(join(fixtures, 'whole/model.safetensors'), path);
    expect(await rejection(openModelFolder(path))).toMatchObject({
      message: expect.stringMatching(/has no config\.json.*as base/),
    });
    const {config, preprocessor, tensors} = await openModelFolder(path, {base: join(fixtures, 'sharded')});
    await tensors.close();
    expect(config['model_type']).toBe('vit');
    expect(preprocessor.size).toEqual({height: 8, width: 8});
  });

  test('a folder without preprocessor_config.json takes that of the base; its own counts first', async () => {
    const [folder, base] = [await copyOf('whole'), await copyOf('whole')];
    const size = (side: number) => JSON.stringify({size: side, image_processor_type: 'ViTImageProcessor'});
    await writeFile(join(base, 'preprocessor_config.json'), size(16));
    const first = await openModelFolder(folder, {base});
    expect(first.preprocessor.size.height).toBe(16);
    await writeFile(join(folder, 'preprocessor_config.json'), size(12));
    const second = await openModelFolder(folder, {base});
    expect(second.preprocessor.size.height).toBe(12);
    await Promise.all([first.tensors.close(), second.tensors.close()]);
  });
});

test.each([NaN, Infinity, -Infinity])('a tensor that holds %d is refused when it is read', async value => {
  const model = await openModelFolder(join(fixtures, 'whole'));
  const tensors = new Map();
  for (const name of model.tensors.names()) tensors.set(name, await model.tensors.read(name));
  await model.tensors.close();
  tensors.get('classifier.bias').data[1] = value;
  const folder = join(await scratch(), 'diverged');
  await writeModelFolder(folder, {...model, tensors});
  const {tensors: read} = await openModelFolder(folder);
  expect((await read.read('classifier.weight')).shape).toEqual([3, 8]);
  expect(await rejection(read.read('classifier.bias'))).toMatchObject({
    code: 'bad_weights',
    message: new RegExp(`tensor "classifier\\.bias" holds ${value} at 1: the training diverged`),
  });
  await read.close();
});

describe.skipIf(process.platform === 'win32')('links', () => {
  test('of the Hugging Face cache into its blobs are followed', async () => {
    const model = join(await scratch(), 'models--org--tiny');
    const snapshot = join(model, 'snapshots', '0123abc');
    await mkdir(join(model, 'blobs'), {recursive: true});
    await mkdir(snapshot, {recursive: true});
    for (const name of ['config.json', 'model.safetensors']) {
      await cp(join(fixtures, 'whole', name), join(model, 'blobs', `hash-${name}`));
      await symlink(join('..', '..', 'blobs', `hash-${name}`), join(snapshot, name));
    }
    await expectSameTensors(snapshot, join(fixtures, 'whole/model.safetensors'));
  });

  test('inside the folder are followed', async () => {
    const folder = await copyOf('whole');
    await rename(join(folder, 'model.safetensors'), join(folder, 'weights'));
    await symlink('weights', join(folder, 'model.safetensors'));
    await expectSameTensors(folder, join(fixtures, 'whole/model.safetensors'));
  });

  test('that leave the folder are refused', async () => {
    const folder = await copyOf('whole');
    await rm(join(folder, 'config.json'));
    await symlink(resolve(fixtures, 'whole/config.json'), join(folder, 'config.json'));
    expect(await rejection(openModelFolder(folder))).toMatchObject({
      code: 'bad_weights',
      message: expect.stringMatching(
        /config\.json: is a link that leaves the folder, to .*copy the file itself/,
      ),
    });
  });
});
