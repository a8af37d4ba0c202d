import {beforeAll, describe, expect, it} from 'vitest';
import {architectureOf} from '../../../src/engine/architectures/read-weights.js';
import {openModelFolder} from '../../../src/engine/index.js';
import {featuresGraph, gradientGraph} from '../../../src/engine/ort/graphs.js';

describe('a graph', () => {
  let options: Parameters<typeof featuresGraph>[0];
  beforeAll(async () => {
    const model = await openModelFolder('test/fixtures/architectures/vit');
    options = {spec: architectureOf(model).spec, normalisation: model.preprocessor, batch: 2};
    await model.tensors.close();
  });
  const wants = ({inputs}: {inputs: readonly {name: string}[]}) => inputs.map(({name}) => name);

  it('of a layer and its gradient runs no block above that layer', () => {
    for (const graph of [featuresGraph(options, ['block_00']), gradientGraph(options, 'block_00')]) {
      expect(wants(graph)).toContain('blocks.0.mlp.fc2.bias');
      expect(wants(graph).filter(name => name.startsWith('blocks.1.') || name.startsWith('norm'))).toEqual(
        [],
      );
    }
    expect(wants(gradientGraph(options, 'norm'))).toContain('blocks.1.mlp.fc2.bias');
  });

  it('of several layers runs each block once, whatever is asked for', () => {
    const all = featuresGraph(options, ['block_00', 'block_01', 'norm']);
    expect(new Set(wants(all)).size).toBe(wants(all).length);
    expect(all.bytes.length).toBeLessThan(1.1 * featuresGraph(options, ['norm']).bytes.length);
  });

  it('holds no weights, so that one serves all checkpoints', () => {
    expect(gradientGraph(options, 'norm').bytes.length).toBeLessThan(100_000);
  });
});
