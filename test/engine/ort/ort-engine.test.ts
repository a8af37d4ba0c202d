import {describe, expect, it} from 'vitest';
import {openOrtEngine, type Library} from '../../../src/engine/index.js';
import {imagesFor, testEngine} from '../contract.js';

const folder = 'test/fixtures/architectures/vit';

describe.each<Library>(['node', 'web'])('on onnxruntime-%s', library => {
  testEngine(`onnxruntime-${library}`, options => openOrtEngine({folder, library, ...options}));

  it('says which library and device ran, with how many threads', async () => {
    const engine = await openOrtEngine({folder, library});
    expect(engine.description).toMatch(new RegExp(`^onnxruntime-${library} 1\\.30\\.\\d+, cpu, 1 thread$`));
    await engine.dispose();
  });
});

describe('openOrtEngine', () => {
  it('falls back to the CPU where the device asked for is absent, and says so', async () => {
    const engine = await openOrtEngine({folder, device: 'cuda'});
    expect(engine.description).toMatch(/, cuda, |, cpu \(no cuda here\), /);
    await engine.dispose();
  });

  it('pools the tokens of a block to the class token or the mean of the patches, and leaves the norm as it is', async () => {
    const [tokens, cls, mean] = await Promise.all(
      (['tokens', 'cls', 'mean'] as const).map(pooling => openOrtEngine({folder, pooling})),
    );
    const images = imagesFor(tokens!, 2, 1);
    const all = await tokens!.features(images, 'block_01');
    const first = await cls!.features(images, 'block_01');
    const average = await mean!.features(images, 'block_01');
    const width = first.width;
    expect(average.width).toBe(width);
    for (let image = 0; image < 2; image++) {
      for (let i = 0; i < width; i++) {
        const column = all.data
          .subarray(image * all.width, (image + 1) * all.width)
          .filter((_, at) => at % width === i);
        const [token, ...patches] = column;
        expect(first.data[image * width + i]).toBeCloseTo(token!, 5);
        expect(average.data[image * width + i]).toBeCloseTo(
          patches.reduce((sum, value) => sum + value, 0) / patches.length,
          5,
        );
      }
    }
    expect(await cls!.features(images, 'norm')).toEqual(await tokens!.features(images, 'norm'));
    for (const engine of [tokens, cls, mean]) await engine!.dispose();
  });

  it.each([
    ['vit', 'cls'],
    ['dinov2-registers', 'cls'],
    ['clip', 'cls'],
    ['mae', 'cls'],
    ['beit', 'mean'],
    ['siglip', 'mean'],
    ['timm-vit-mean', 'mean'],
  ] as const)('pools %s as its head reads it where nothing is asked for: %s', async (name, pooling) => {
    const engine = await openOrtEngine({folder: `test/fixtures/architectures/${name}`});
    expect(engine.pooling).toBe(pooling);
    expect(engine.layers).toEqual(['block_00', 'block_01', 'norm']);
    await engine.dispose();
  });

  it('gives a weight to the first measured layer that sees it, branches of blocks included', async () => {
    const engine = await openOrtEngine({folder, layers: ['block_*/mlp', 'block_01']});
    expect(engine.layers).toEqual(['block_00/mlp', 'block_01/mlp', 'block_01']);
    expect(engine.blocks).toEqual(['block_01']);
    const owners = new Map(engine.weights().map(({name, layer}) => [name, layer]));
    expect(owners.get('blocks.0.mlp.fc2.weight')).toBe('block_00/mlp');
    expect(owners.get('blocks.1.attn.q.weight')).toBe('block_01/mlp');
    expect(owners.get('norm.weight')).toBeNull();
    await engine.dispose();
  });

  it('refuses to pool by a class token that there is not', async () => {
    await expect(
      openOrtEngine({folder: 'test/fixtures/architectures/siglip', pooling: 'cls'}),
    ).rejects.toMatchObject({code: 'bad_option', message: expect.stringContaining('SigLIP')});
  });

  it('refuses logits of a model without a classifier', async () => {
    const engine = await openOrtEngine({folder: 'test/fixtures/architectures/mae'});
    await expect(engine.logits(imagesFor(engine, 2, 1))).rejects.toMatchObject({code: 'bad_model'});
    await engine.dispose();
  });

  it('refuses a batch or a number of threads that is not a whole number', async () => {
    await expect(openOrtEngine({folder, batch: 0})).rejects.toMatchObject({code: 'bad_option'});
    await expect(openOrtEngine({folder, threads: 1.5})).rejects.toMatchObject({code: 'bad_option'});
  });
});
