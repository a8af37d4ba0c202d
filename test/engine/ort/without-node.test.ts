import {expect, it, vi} from 'vitest';
import {openOrtEngine} from '../../../src/engine/index.js';

vi.mock('onnxruntime-node', () => {
  throw new Error('Cannot find package onnxruntime-node');
});

const folder = 'test/fixtures/architectures/vit';

it('where onnxruntime-node is not installed, onnxruntime-web runs', async () => {
  const engine = await openOrtEngine({folder});
  expect(engine.description).toContain('onnxruntime-web');
  await engine.dispose();
});

it('onnxruntime-node asked for by name and not installed is refused, with the remedy', async () => {
  await expect(openOrtEngine({folder, library: 'node'})).rejects.toMatchObject({
    code: 'engine_failed',
    message: expect.stringMatching(/^cannot load onnxruntime-node: .*install it with npm$/),
  });
});
