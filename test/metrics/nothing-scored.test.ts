import {describe, expect, it} from 'vitest';
import {inversionOptions} from '../../src/inversion/index.js';
import {inversionAdvice, nothingScored} from '../../src/metrics/index.js';
import {createMeasurer} from '../../src/measure/index.js';
import type {Baseline} from '../../src/types.js';
import {analyticEngine, analyticProbes} from '../analytic/engine.js';
import {sampleBaseline} from '../tracker/sample-run.js';

/** A baseline whose layers all fail as these numbers say. */
function failing({
  gates = {passed: true, fvu: 0.01},
  ceiling = 0.9,
  floor = 0.2,
  pooling = 'tokens',
  blocks = ['block_00'],
}: {
  gates?: Partial<Baseline['gates'][number]>;
  ceiling?: number;
  floor?: number;
  pooling?: 'tokens' | 'cls';
  blocks?: string[];
}): Baseline {
  const baseline = sampleBaseline();
  const all = (value: number) => baseline.layers.map(() => baseline.layers.map(() => value));
  return {
    ...baseline,
    blocks,
    fingerprint: {...baseline.fingerprint, pooling, inversion: {preset: 'fast', steps: 50}},
    ceiling: {unbiased: all(ceiling), biased: all(ceiling)},
    floor: {unbiased: all(floor), biased: all(floor)},
    gates: baseline.gates.map(gate => ({...gate, passed: true, ...gates})),
  };
}

describe('a run that can score no layer', () => {
  it('is told from one that can score any', () => {
    expect(nothingScored(failing({}))).toBeNull();
    expect(nothingScored(failing({floor: 0.85}))).toMatch(
      /^no layer can be scored in this run: floor too close to ceiling \(4 of 4\)\. /,
    );
  });

  it('is advised on pooling only where its model has tokens to pool, and pools all of them', () => {
    expect(nothingScored(failing({floor: 0.85}))).toContain("pooling 'cls' or 'mean'");
    expect(nothingScored(failing({floor: 0.85, pooling: 'cls'}))).not.toContain('pooling');
    const convnet = nothingScored(failing({floor: 0.85, blocks: []}));
    expect(convnet).not.toMatch(/pool|token|head/);
    expect(convnet).toContain('measure others (layers; --layers)');
  });

  it('is advised on more inversion steps as far as the second half of them has brought anything', () => {
    const failed = {passed: false, threshold: 0.05, fvu: 0.1};
    const advice = (fvuHalfway: number) => inversionAdvice(failing({gates: {...failed, fvuHalfway}}));
    expect(advice(0.2)).toBe('more inversion steps may help: inversion: {steps: 100} (--steps)');
    expect(advice(0.14)).toBe('more inversion steps may help: inversion: {steps: 210} (--steps)');
    expect(advice(0.12)).toBe('more inversion steps may help: inversion: {steps: 400} (--steps)');
    expect(advice(0.105)).toMatch(/would not help, .* measure other layers/);
  });

  it('scores where it does as it is told', async () => {
    const measure = async (steps: number) => {
      const said: string[] = [];
      await createMeasurer({
        engine: analyticEngine(),
        probes: analyticProbes({count: 24}),
        inversion: inversionOptions({steps}),
        onNotice: (code, message) => said.push(`${code}: ${message}`),
      });
      return said;
    };
    const [said, ...more] = await measure(4);
    expect(more).toEqual([]);
    expect(said).toMatch(
      /^nothing_scored: no layer can be scored in this run: inversion not converged \(3 of 3\)\. More/,
    );
    const advised = Number(/steps: (\d+)/.exec(said!)![1]);
    expect(await measure(advised)).toEqual([]);
  });
});
