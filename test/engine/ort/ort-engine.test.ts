import {describe, expect, it} from 'vitest';
import {openOrtEngine, type Library} from '../../../src/engine/index.js';
import {testEngine} from '../contract.js';

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

  it('refuses a batch or a number of threads that is not a whole number', async () => {
    await expect(openOrtEngine({folder, batch: 0})).rejects.toMatchObject({code: 'bad_option'});
    await expect(openOrtEngine({folder, threads: 1.5})).rejects.toMatchObject({code: 'bad_option'});
  });
});
