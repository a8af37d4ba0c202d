import {describe, expect, it} from 'vitest';
import {convergence, gate} from '../../src/metrics/index.js';
import type {Images} from '../../src/types.js';

const imagesOf = (...data: number[]): Images => ({
  count: 2,
  channels: 1,
  height: 1,
  width: data.length / 2,
  data: Float32Array.from(data),
});
const featuresOf = (...data: number[]) => ({count: 2, width: 2, data: Float32Array.from(data)});

const given = {
  layer: 'block_00',
  features: featuresOf(3, 4, 0, 10),
  inverted: featuresOf(3, 4, 0, 10),
  probes: imagesOf(0.5, 0.5, 0.5, 0.5),
  images: imagesOf(0.5, 0.5, 0.5, 0.5),
  seeds: imagesOf(-3, 7, 0.5, 0.5),
  evaluations: 12,
};

describe('gate', () => {
  it('measures errors relative to norms and to the variance of the layer', () => {
    const measured = gate({...given, inverted: featuresOf(3, 4.5, 0, 11)});
    expect(measured.rel).toBeCloseTo((0.5 / 5 + 1 / 10) / 2, 6);
    expect(measured.fvu).toBeCloseTo((0.25 + 1) / (2 * (1.5 ** 2 + 3 ** 2)), 6);
    expect(measured).toMatchObject({layer: 'block_00', evaluations: 12});
  });

  it('measures pixels as the model sees them, clamped to [0, 1]', () => {
    const measured = gate({...given, images: imagesOf(0.5, 1, 0.5, 0.5)});
    expect(measured.rmsToProbes).toBeCloseTo(0.25, 6);
    expect(measured.rmsToSeeds).toBeCloseTo(Math.sqrt(0.25 / 4), 6);
  });

  it('is passed under the threshold, and counts the images whose own error is above it', () => {
    const inverted = featuresOf(3, 4, 0, 11);
    const {fvu} = gate({...given, inverted});
    expect(gate({...given, inverted})).toMatchObject({passed: true, unconverged: 0.5});
    expect(gate({...given, inverted, threshold: fvu!})).toMatchObject({passed: false});
    expect(gate({...given, inverted, threshold: 0.5})).toMatchObject({passed: true, unconverged: 0});
  });

  it('counts an image whose error is all that is allowed as converged', () => {
    const features = featuresOf(0, 1, 2, 1);
    const measured = gate({...given, features, inverted: featuresOf(0.5, 1, 2, 1), threshold: 0.25});
    expect(measured).toMatchObject({fvu: 0.125, unconverged: 0});
  });

  it('allows an fvu under 0.05 where nothing else is said', () => {
    expect(gate(given).threshold).toBe(0.05);
  });

  it('is not fooled by a large mean, as rel is', () => {
    const measured = gate({
      ...given,
      features: featuresOf(1e4, 0, 1e4, 1),
      inverted: featuresOf(1e4, 1, 1e4, 0),
    });
    expect(measured.rel).toBeLessThan(1e-3);
    expect(measured).toMatchObject({fvu: 4, passed: false, unconverged: 1});
  });

  it('says null, never NaN, for a layer that is constant, zero or not finite, and does not pass', () => {
    const rounded = featuresOf(1e4, 0, 1e4 + 2 ** -10, 0);
    expect(rounded.data[2]).not.toBe(rounded.data[0]);
    for (const features of [
      featuresOf(1, 1, 1, 1),
      rounded,
      featuresOf(0, 0, 0, 0),
      featuresOf(NaN, 1, 2, 3),
    ]) {
      for (const inverted of [features, featuresOf(1, 2, 3, 4)]) {
        const measured = gate({...given, features, inverted});
        expect(measured).toMatchObject({fvu: null, passed: false});
        expect(JSON.parse(JSON.stringify(measured))).toEqual(measured);
      }
    }
    const broken = gate({...given, inverted: featuresOf(NaN, 1, 0, 10)});
    expect(broken).toMatchObject({rel: null, fvu: null, passed: false, unconverged: 0.5});
  });
});

describe('convergence', () => {
  it('is how far the diagonal moved between half and all of the inversion', () => {
    expect(convergence([0.9, 0.5, null, 0.5], [0.8, 0.75, 0.1, null])).toEqual([
      expect.closeTo(0.1, 12),
      0.25,
      null,
      null,
    ]);
  });
});
