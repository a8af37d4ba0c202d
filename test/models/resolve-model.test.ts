import {createHash} from 'node:crypto';
import {cp, mkdir, readdir, readFile, readlink, rm, writeFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest';
import {openModelFolder, resolveModel} from '../../src/models/index.js';
import {cacheFolder} from '../../src/models/folders/find-model.js';
import {COMMIT, hubServer} from './hub-server.js';
import {fixtures, rejection, scratch} from './scratch.js';

const whole = join(fixtures, 'whole');
const files = {
  'config.json': join(whole, 'config.json'),
  'model.safetensors': join(whole, 'model.safetensors'),
  'README.md': join(whole, 'config.json'),
  'pytorch_model.bin': join(whole, 'config.json'),
};

beforeEach(() => {
  vi.stubEnv('HF_HUB_OFFLINE', '');
  vi.stubEnv('HF_TOKEN', '');
});
afterEach(() => vi.unstubAllEnvs());

async function expectOpens(folder: string): Promise<void> {
  const {tensors} = await openModelFolder(folder);
  expect((await tensors.read('classifier.weight')).shape).toEqual([3, 8]);
  await tensors.close();
}

describe('where a model is looked for', () => {
  test('a folder is itself', async () => {
    expect(await resolveModel({model: whole, offline: true})).toBe(whole);
  });

  test('a path that is neither a folder nor a name', async () => {
    expect(await rejection(resolveModel({model: './no/such/folder'}))).toMatchObject({
      code: 'bad_weights',
      message: expect.stringMatching(/\.\/no\/such\/folder: there is no such folder or file; check the path/),
    });
  });

  test.each([
    [{HF_HUB_CACHE: '/a', HF_HOME: '/b'}, '/a'],
    [{HF_HOME: '/b', XDG_CACHE_HOME: '/c'}, '/b/hub'],
    [{XDG_CACHE_HOME: '/c'}, '/c/huggingface/hub'],
  ])('the cache of %j is %s', (env, folder) => {
    expect(cacheFolder(env)).toBe(folder);
  });

  test.each(['org/tiny', 'tiny'])('%s in the cache that Python filled, without the network', async model => {
    const cache = await scratch();
    const folder = join(cache, `models--${model.replace('/', '--')}`);
    await cp(whole, join(folder, 'snapshots', COMMIT), {recursive: true});
    await mkdir(join(folder, 'refs'));
    await writeFile(join(folder, 'refs', 'main'), COMMIT);
    vi.stubEnv('HF_HUB_CACHE', cache);
    const found = await resolveModel({model, endpoint: 'http://127.0.0.1:1'});
    expect(found).toBe(join(folder, 'snapshots', COMMIT));
    expect(await resolveModel({model, revision: COMMIT, endpoint: 'http://127.0.0.1:1'})).toBe(found);
    await expectOpens(found);
  });

  test.each(['1', 'ON', 'true'])('HF_HUB_OFFLINE=%s forbids the network', async offline => {
    vi.stubEnv('HF_HUB_OFFLINE', offline);
    const hub = await hubServer(files);
    const request = resolveModel({model: 'org/tiny', cache: await scratch(), endpoint: hub.endpoint});
    expect(await rejection(request)).toMatchObject({
      code: 'bad_weights',
      message: expect.stringMatching(
        /org\/tiny is no folder here and not whole in the cache .*hf download org\/tiny/,
      ),
    });
    expect(hub.requests).toEqual([]);
  });
});

describe('a download', () => {
  test('takes only what is read, into the layout of huggingface_hub, and is found again without the network', async () => {
    const [hub, cache] = [await hubServer(files), await scratch()];
    const progress: number[] = [];
    const options = {
      model: 'org/tiny',
      cache,
      endpoint: `${hub.endpoint}/`,
      onProgress: ({received, total}: {received: number; total: number}) => progress.push(received / total),
    };
    const folder = await resolveModel(options);
    expect(folder).toBe(join(cache, 'models--org--tiny', 'snapshots', COMMIT));
    expect((await readdir(folder)).sort()).toEqual(['config.json', 'model.safetensors']);
    const sha256 = createHash('sha256')
      .update(await readFile(files['model.safetensors']))
      .digest('hex');
    expect(await readlink(join(folder, 'model.safetensors'))).toBe(join('..', '..', 'blobs', sha256));
    expect(await readFile(join(cache, 'models--org--tiny', 'refs', 'main'), 'utf8')).toBe(COMMIT);
    await expectOpens(folder);
    expect(progress.at(-1)).toBe(1);
    expect([...progress].sort((a, b) => a - b)).toEqual(progress);

    const asked = hub.requests.length;
    expect(await resolveModel({model: 'org/tiny', cache, endpoint: hub.endpoint})).toBe(folder);
    expect(hub.requests.length).toBe(asked);
  });

  test('that is cut goes on where it stopped, within one call', async () => {
    const [hub, cache] = [await hubServer(files), await scratch()];
    hub.fault = 'cut';
    await expectOpens(await resolveModel({model: 'org/tiny', cache, endpoint: hub.endpoint}));
    const ranges = hub.requests.filter(line => /model\.safetensors bytes=[1-9]/.test(line));
    expect(ranges.map(line => line.split('=')[1]!.split('-')[0])).toEqual(['4000', '8000']);
  });

  test('that failed keeps what arrived for the next call', async () => {
    const [hub, cache] = [await hubServer(files), await scratch()];
    hub.fault = 'cut';
    const stopped = rejection(
      resolveModel({
        model: 'org/tiny',
        cache,
        endpoint: hub.endpoint,
        onProgress: ({received}) => {
          if (received > 4000) hub.fault = 500;
        },
      }),
    );
    expect(await stopped).toMatchObject({
      code: 'io_failed',
      message: expect.stringMatching(/what arrived is kept and the next try goes on/),
    });
    const blobs = join(cache, 'models--org--tiny', 'blobs');
    expect((await readdir(blobs)).filter(name => name.endsWith('.incomplete'))).toHaveLength(1);
    hub.fault = 'none';
    hub.requests.length = 0;
    await expectOpens(await resolveModel({model: 'org/tiny', cache, endpoint: hub.endpoint}));
    expect(hub.requests.some(line => /model\.safetensors bytes=4000-/.test(line))).toBe(true);
    expect((await readdir(blobs)).filter(name => name.endsWith('.incomplete'))).toEqual([]);
  });

  test('that arrives damaged is never put in place', async () => {
    const [hub, cache] = [await hubServer(files), await scratch()];
    hub.fault = 'damaged';
    const request = resolveModel({model: 'org/tiny', cache, endpoint: hub.endpoint});
    expect(await rejection(request)).toMatchObject({
      code: 'io_failed',
      message: expect.stringMatching(/arrived damaged/),
    });
    expect(await readdir(join(cache, 'models--org--tiny', 'blobs'))).toEqual([]);
  });

  test('goes on from a server that ignores ranges by starting again', async () => {
    const [hub, cache] = [await hubServer(files), await scratch()];
    const sha256 = createHash('sha256')
      .update(await readFile(files['model.safetensors']))
      .digest('hex');
    await mkdir(join(cache, 'models--org--tiny', 'blobs'), {recursive: true});
    await writeFile(join(cache, 'models--org--tiny', 'blobs', `${sha256}.incomplete`), 'four');
    hub.fault = 'ignores ranges';
    await expectOpens(await resolveModel({model: 'org/tiny', cache, endpoint: hub.endpoint}));
  });

  test('after one that was interrupted between files is whole', async () => {
    const [hub, cache] = [await hubServer(files), await scratch()];
    const folder = await resolveModel({model: 'org/tiny', cache, endpoint: hub.endpoint});
    await rm(join(folder, 'model.safetensors'));
    await expectOpens(await resolveModel({model: 'org/tiny', cache, endpoint: hub.endpoint}));
  });

  test('takes shards where there is no single file', async () => {
    const sharded = join(fixtures, 'sharded');
    const names = (await readdir(sharded)).map(name => [name, join(sharded, name)]);
    const [hub, cache] = [await hubServer(Object.fromEntries(names)), await scratch()];
    await expectOpens(await resolveModel({model: 'org/tiny', cache, endpoint: hub.endpoint}));
  });
});

describe('a download that cannot be says what to do', () => {
  test.each([
    [401, 'bad_weights', /refuses org\/tiny \(401\).*private or gated.*set HF_TOKEN/],
    [404, 'bad_weights', /org\/tiny is no folder here, and .* has no model of that name with revision main/],
    [500, 'io_failed', /cannot download org\/tiny .*hf download org\/tiny/],
  ] as const)('after %i', async (fault, code, message) => {
    const hub = await hubServer(files);
    hub.fault = fault;
    const request = resolveModel({model: 'org/tiny', cache: await scratch(), endpoint: hub.endpoint});
    expect(await rejection(request)).toMatchObject({code, message: expect.stringMatching(message)});
  });

  test('without a server', async () => {
    const request = resolveModel({model: 'org/tiny', cache: await scratch(), endpoint: 'http://127.0.0.1:9'});
    expect(await rejection(request)).toMatchObject({
      code: 'io_failed',
      message: expect.stringMatching(/cannot download org\/tiny/),
    });
  });

  test('for a model of Python pickles only', async () => {
    const hub = await hubServer({
      'config.json': files['config.json'],
      'pytorch_model.bin': files['config.json'],
    });
    const request = resolveModel({model: 'org/tiny', cache: await scratch(), endpoint: hub.endpoint});
    expect(await rejection(request)).toMatchObject({
      code: 'bad_weights',
      message: expect.stringMatching(/no safetensors on the hub, only Python pickles.*save_pretrained/),
    });
  });

  test('into a cache that is a file', async () => {
    const hub = await hubServer(files);
    const cache = resolve(files['config.json']);
    const request = resolveModel({model: 'org/tiny', cache, endpoint: hub.endpoint});
    expect(await rejection(request)).toMatchObject({
      code: 'io_failed',
      message: expect.stringMatching(/a part of the path is a file/),
    });
  });
});
