import {readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {
  acquiredMatrix,
  cka,
  controls,
  driftMatrix,
  forgetting,
  novelty,
  retentionMatrix,
  retentionRow,
  selectImages,
  weightDrift,
} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import type {Gram} from '../../src/types.js';
import {both, normalGram, valueOf} from './samples.js';

/** One Gram a layer, as a network would give on `count` images. */
function layersOn(images: number, {layers = 3, count = 16} = {}): Gram[] {
  return Array.from({length: layers}, (_, layer) => normalGram(count, 5, 100 * images + layer));
}

describe('retention', () => {
  it('row i, column j compares layer j on the probes with layer j on the images inverted from layer i', () => {
    const probes = layersOn(0);
    const rows = [1, 2, 3].map(images => retentionRow({probes, inverted: layersOn(images)}));
    const retention = retentionMatrix(rows);
    for (const estimator of ['unbiased', 'biased'] as const) {
      expect(retention[estimator][1]![2]).toBe(valueOf(cka(probes[2]!, layersOn(2)[2]!, estimator)));
    }
  });

  it('is 1 everywhere for X itself as the inverted images', () => {
    const probes = layersOn(0);
    expect(retentionRow({probes, inverted: probes})).toEqual({unbiased: [1, 1, 1], biased: [1, 1, 1]});
  });

  it('is the ceiling to the bit while the measured layers have not changed, and nothing is forgotten', () => {
    const measure = () =>
      retentionMatrix(
        [1, 2, 3].map(images => retentionRow({probes: layersOn(0), inverted: layersOn(images)})),
      );
    const ceiling = measure();
    expect(measure()).toEqual(ceiling);
    expect(forgetting(ceiling, measure()).unbiased.flat()).toEqual(new Array(9).fill(0));
  });

  it('forgetting is ceiling minus retention, and null stays null', () => {
    expect(forgetting(both([[1, 0.9, null]]), both([[0.25, null, 0.5]]))).toEqual(both([[0.75, null, null]]));
  });

  it('the acquired matrix keeps pretrained layers as rows, and novelty is what the diagonal lost', () => {
    const rows = [
      {unbiased: [0.1, 0.2], biased: [0.5, 0.6]},
      {unbiased: [0.3, null], biased: [0.7, 0.8]},
    ];
    const acquired = acquiredMatrix(rows);
    expect(acquired).toEqual({
      unbiased: [
        [0.1, 0.3],
        [0.2, null],
      ],
      biased: [
        [0.5, 0.7],
        [0.6, 0.8],
      ],
    });
    expect(acquiredMatrix([])).toEqual(both([]));
    const [ceiling, pass, fail] = [
      both([
        [1, 1],
        [1, 1],
      ]),
      {passed: true},
      {passed: false},
    ];
    const noveltyOf = (gates: {passed: boolean}[], acquiredGates: {passed: boolean}[]) =>
      novelty({ceiling, acquired, gates, acquiredGates});
    expect(noveltyOf([pass, pass], [pass, pass])).toEqual([0.9, null]);
    expect(noveltyOf([fail, pass], [pass, pass])).toEqual([null, null]);
    expect(noveltyOf([pass, pass], [fail, pass])).toEqual([null, null]);
  });

  it('agrees with the reference run on what follows from its matrices', () => {
    const reference: {W0: {R_unbiased: number[][]}; 'checkpoint-400': {R_unbiased: number[][]}} = JSON.parse(
      readFileSync('test/fixtures/vit-cifar.json', 'utf8'),
    );
    const forgotten = forgetting(both(reference.W0.R_unbiased), both(reference['checkpoint-400'].R_unbiased));
    expect(forgotten.unbiased[0]![0]).toBeCloseTo(0.9924537790328555 - 0.9894045533733226, 12);
  });
});

describe('controls', () => {
  it('compare the probes with the seeds and with permuted inverted images, layer by layer', () => {
    const probes = layersOn(0, {count: 200});
    const {noise, permuted} = controls({probes, inverted: probes, seeds: layersOn(5, {count: 200})});
    for (const value of [...noise, ...permuted]) expect(Math.abs(value!)).toBeLessThan(0.05);
    expect(controls({probes, inverted: probes, seeds: probes}).noise).toEqual([1, 1, 1]);
    expect(controls({probes: [], inverted: [], seeds: []})).toEqual({noise: [], permuted: []});
  });

  it('permute by the seed, 0 where none is said, and all layers alike', () => {
    const probes = layersOn(0);
    const permutedBy = (seed?: number) => controls({probes, inverted: probes, seeds: probes, seed}).permuted;
    expect(permutedBy()).toEqual(permutedBy(0));
    expect(permutedBy(1)).not.toEqual(permutedBy(0));
    const order = seededRandom(0).permutation(16);
    expect(permutedBy()).toEqual(
      probes.map(gram => valueOf(cka(gram, selectImages(gram, order), 'unbiased'))),
    );
  });
});

describe('drift', () => {
  it('diagonal is 0 to the bit for the pretrained model itself, and 1 − CKA of each pair elsewhere', () => {
    const reference = layersOn(0);
    const current = [...layersOn(0).slice(0, 2), normalGram(16, 5, 9)];
    const drift = driftMatrix({reference, current});
    expect(drift.unbiased[0]![0]).toBe(0);
    expect(drift.biased[1]![1]).toBe(0);
    const constant = {n: 16, data: new Float64Array(256)};
    expect(driftMatrix({reference: [constant], current}).biased).toEqual([[null, null, null]]);
    expect(drift.unbiased[1]![2]).toBe(1 - valueOf(cka(reference[1]!, current[2]!, 'unbiased')));
  });
});

describe('weightDrift', () => {
  it('is the distance over the norm, all tensors of a layer together', () => {
    const before = [[Float32Array.of(3, 0), Float32Array.of(4)], [Float32Array.of(1)]];
    const after = [[Float32Array.of(3, 1), Float32Array.of(4)], [Float32Array.of(1)]];
    expect(weightDrift(before, after)).toEqual([0.2, 0]);
  });

  it('is null for a layer without weights, of zeros, or not finite', () => {
    const before = [[], [Float32Array.of(0)], [Float32Array.of(1)]];
    const after = [[], [Float32Array.of(1)], [Float32Array.of(NaN)]];
    expect(weightDrift(before, after)).toEqual([null, null, null]);
  });
});
