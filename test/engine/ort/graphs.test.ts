import {beforeAll, describe, expect, it} from 'vitest';
import {architectureOf} from '../../../src/engine/architectures/read-weights.js';
import {openModelFolder} from '../../../src/models/index.js';
import {openRuntime} from '../../../src/engine/ort/runtime.js';
import {gramOf} from '../../../src/metrics/index.js';
import {seededRandom} from '../../../src/random.js';
import {featuresGraph, gradientGraph, gramGraph} from '../../../src/engine/ort/graphs.js';

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

  it('of a Gram keeps to float64 within 1e-5 of the trace where the mean is 1000 deviations', async () => {
    const [count, width] = [64, 4000];
    const random = seededRandom(1);
    const data = Float32Array.from({length: count * width}, () => 1000 + random.normal());
    const {ort, session} = await openRuntime({threads: 1});
    const opened = await session(gramGraph(count, width).bytes);
    const {gram} = await opened.run({features: new ort.Tensor('float32', data, [count, width])});
    const exact = gramOf({count, width, data}).data;
    const trace = exact.reduce((sum, value, i) => (i % (count + 1) ? sum : sum + value), 0);
    const worst = exact.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - Number(gram!.data[i]))),
      0,
    );
    expect(worst).toBeLessThan(1e-5 * trace);
    await opened.release();
  });
});
