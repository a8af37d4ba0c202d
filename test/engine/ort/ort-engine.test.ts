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

  it('pools the tokens of a block to the class token or their mean, and leaves the norm as it is', async () => {
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
        expect(first.data[image * width + i]).toBeCloseTo(column[0]!, 5);
        expect(average.data[image * width + i]).toBeCloseTo(
          column.reduce((sum, value) => sum + value, 0) / column.length,
          5,
        );
      }
    }
    expect(await cls!.features(images, 'norm')).toEqual(await tokens!.features(images, 'norm'));
    for (const engine of [tokens, cls, mean]) await engine!.dispose();
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
