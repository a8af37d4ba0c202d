import {describe, expect, it} from 'vitest';
import {
  cka,
  ckaOfHalves,
  halfSums,
  gramOf,
  halfSamples,
  holm,
  packHalves,
  pairedDifference,
  pairedTest,
  unpackHalves,
} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import {halfPace, recordedRun} from '../render/recorded-run.js';
import {withHalves} from '../render/half-samples.js';
import {valueOf} from './samples.js';

/** Halves that deviate from the value by exactly `spread`, half of them up and half down. */
const around = (value: number, spread: number) =>
  Float64Array.from({length: 200}, (_, k) => value + (k % 2 === 0 ? spread : -spread));

describe('pairedTest', () => {
  it('gives the two-sided p-value of the normal distribution, far into its tail', () => {
    for (const [z, p] of [
      [1, 0.317311],
      [1.959964, 0.05],
      [-2.575829, 0.01],
      [6, 1.973175e-9],
    ] as const) {
      expect(pairedTest(z * 0.1, around(z * 0.1, 0.1)).p / p).toBeCloseTo(1, 5);
    }
  });

  it('finds nothing where both readings are the same on every half-sample', () => {
    expect(pairedTest(0, new Float64Array(200))).toEqual({low: 0, high: 0, p: expect.closeTo(1, 6)});
  });

  it('takes the spread around the full value, so that what half as many images shift is error', () => {
    expect(pairedTest(0.1, around(0, 1e-3)).p).toBeGreaterThan(0.3);
  });

  it('is not sure of a difference smaller than what half-samples are recorded in', () => {
    expect(pairedTest(3e-5, new Float64Array(200).fill(3e-5)).p).toBeGreaterThan(0.3);
  });
});

describe('holm', () => {
  it('adjusts as R does: p.adjust(c(.01, .04, .03, .005), "holm")', () => {
    const expected = [0.03, 0.06, 0.06, 0.02];
    holm([0.01, 0.04, 0.03, 0.005]).forEach((p, i) => expect(p).toBeCloseTo(expected[i]!, 12));
  });

  it('does not count what has no p-value, and does not pass 1', () => {
    expect(holm([null, 0.6, 0.02, null])).toEqual([null, 0.6, 0.04, null]);
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
    expect(holm([null])).toEqual([null]);
  });
});

describe('pairedDifference', () => {
  const {baseline, readings} = withHalves(recordedRun());
  const at = (step: number) => ({reading: readings.find(reading => reading.step === step)!, baseline});

  it('sees what separate intervals hide: what the images have in common cancels', () => {
    const pairs = pairedDifference(at(200), at(400))!;
    const width = ({low, high}: {low: number; high: number}) => high - low;
    for (const interval of pairs.retention) expect(width(interval!)).toBeLessThan(0.05);
    const loud = withHalves(recordedRun(), {common: 0, own: 0.05});
    const apart = pairedDifference(
      {reading: loud.readings[4]!, baseline},
      {reading: loud.readings[5]!, baseline},
    )!;
    for (const interval of apart.retention) expect(width(interval!)).toBeGreaterThan(0.15);
  });

  it('gives intervals that hold the difference of the scores, of R and of the mean', () => {
    const [before, after] = [at(25), at(400)];
    const pairs = pairedDifference(before, after)!;
    const holds = (interval: {low: number; high: number} | null, value: number) => {
      expect(interval!.low).toBeLessThan(value);
      expect(interval!.high).toBeGreaterThan(value);
    };
    before.reading.layers.forEach((_, i) => {
      const kept = [before, after].map(({reading}) => reading.retention.unbiased[i]![i]!);
      holds(pairs.retention[i]!, kept[1]! - kept[0]!);
      const [a, b] = [before.reading.scores[i]!, after.reading.scores[i]!];
      if (a.status === 'withheld' || b.status === 'withheld') expect(pairs.scores[i]).toBeNull();
      else holds(pairs.scores[i]!, b.value - a.value);
    });
    holds(pairs.meanScore, after.reading.meanScore! - before.reading.meanScore!);
  });

  it('finds no difference between a reading and itself', () => {
    const {p, adjusted, clear, meanScore} = pairedDifference(at(100), at(100))!;
    for (const value of [...p, ...adjusted]) expect(value).toBeCloseTo(1, 6);
    expect(clear).toEqual(p.map(() => false));
    expect(meanScore).toEqual({low: 0, high: 0});
  });

  it('tests no layer whose inversion did not converge, and does not correct for it', () => {
    const strict = withHalves(recordedRun({threshold: 0.05}));
    const [a, b] = [strict.readings[1]!, strict.readings[5]!].map(reading => ({
      reading,
      baseline: strict.baseline,
    }));
    const {p, adjusted, clear, retention} = pairedDifference(a!, b!)!;
    const passed = strict.baseline.gates.map(gate => gate.passed);
    expect(p.map(value => value !== null)).toEqual(passed);
    expect(clear).toEqual(adjusted.map(value => value && value < 0.05));
    expect(Math.min(...adjusted.filter(value => value !== null))).toBeCloseTo(
      Math.min(...p.filter(value => value !== null)) * passed.filter(Boolean).length,
      12,
    );
    expect(retention).not.toContain(null);
  });

  it('is null where half-samples were not recorded', () => {
    const old = recordedRun();
    expect(pairedDifference({reading: old.readings[1]!, baseline}, at(400))).toBeNull();
    expect(pairedDifference(at(25), {reading: halfPace(old).readings[1]!, baseline})).toBeNull();
  });
});

/** Layers of two networks on the same images, all with one source; B's inverted images are noisier by `worse`. */
function networks({count, layers, worse, seed}: Record<'count' | 'layers' | 'worse' | 'seed', number>) {
  const width = 12;
  const random = seededRandom(seed);
  const source = Float64Array.from({length: count * width}, () => random.normal());
  const loudness = Float64Array.from({length: count}, () => Math.exp(0.5 * random.normal()));
  const pair = (noise: number) => {
    const probes = source.map((value, at) => (value + 0.3 * random.normal()) * ((at % width) + 1) ** -0.5);
    const inverted = probes.map(
      (value, at) =>
        value + noise * loudness[Math.floor(at / width)]! * random.normal() * ((at % width) + 1) ** -0.5,
    );
    return [probes, inverted].map(data => gramOf({count, width, data}));
  };
  return Array.from({length: layers}, (_, layer) => [
    pair(0.4 + 0.1 * layer),
    pair(0.4 + 0.1 * layer + worse),
  ]);
}

/** Over many samples of images: the share with any clear layer, and the share of layers that are. */
function clearShares({worse, trials, count}: Record<'worse' | 'trials' | 'count', number>) {
  const halves = halfSamples(count, {samples: 100});
  const layers = 3;
  let any = 0;
  let clear = 0;
  for (let seed = 0; seed < trials; seed++) {
    const p = networks({count, layers, worse, seed}).map(pair => {
      const [a, b] = pair.map(([probes, inverted]) => ({
        value: valueOf(cka(probes!, inverted!, 'unbiased')),
        halves: unpackHalves(
          packHalves([ckaOfHalves(halfSums(probes!, halves), halfSums(inverted!, halves))], 100),
          1,
          100,
        )[0]!,
      }));
      return pairedTest(
        b!.value - a!.value,
        b!.halves.map((value, k) => value - a!.halves[k]!),
      ).p;
    });
    const found = holm(p).filter(value => value! < 0.05).length;
    any += found > 0 ? 1 : 0;
    clear += found / layers;
  }
  return {any: any / trials, clear: clear / trials};
}

describe('a clear difference, over many samples of images and layers with Holm’s correction', () => {
  it('is found in at most 5 of 100 pairs of networks that do not differ', () => {
    expect(clearShares({worse: 0, trials: 200, count: 48}).any).toBeLessThanOrEqual(0.05);
  });

  it('is found in most layers of networks that do', () => {
    expect(clearShares({worse: 0.5, trials: 40, count: 48}).clear).toBeGreaterThan(0.8);
  });
});
