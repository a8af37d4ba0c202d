import {readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {accuracyOf, ridgeProbe} from '../../src/metrics/index.js';
import {normalRows, rowsOf, type Rows} from './samples.js';

interface Case {
  name: string;
  X: number[][];
  Z: number[][];
  labels: number[];
  penalty: number;
  own: number[][];
  other: number[][];
  accuracy: [number, number];
}

/** By scikit-learn, a classifier fitted for each image left out (scripts/make-ridge-fixture.py). */
const cases: Case[] = JSON.parse(readFileSync('test/fixtures/ridge.json', 'utf8'));

const largestDifference = (a: ArrayLike<number>, b: readonly number[]) =>
  b.reduce((most, value, at) => Math.max(most, Math.abs(value - a[at]!)), 0);

describe.each(cases)('a ridge probe on $name', ({X, Z, labels, penalty, own, other, accuracy}) => {
  const [features, others] = [rowsOf(X), rowsOf(Z)];
  const probe = ridgeProbe(features, labels)!;

  it('has the penalty that RidgeClassifierCV chooses', () => {
    expect(Math.abs(probe.penalty / penalty - 1)).toBeLessThan(1e-9);
  });

  it('scores each image as a classifier fitted on the others does', () => {
    expect(largestDifference(probe.leaveOneOut(features), own.flat())).toBeLessThan(1e-9);
    expect(accuracyOf(probe.leaveOneOut(features), labels)).toBeCloseTo(accuracy[0], 12);
  });

  it("scores another model's features of an image as a classifier fitted on the others does", () => {
    expect(largestDifference(probe.leaveOneOut(others), other.flat())).toBeLessThan(1e-9);
    expect(accuracyOf(probe.leaveOneOut(others), labels)).toBeCloseTo(accuracy[1], 12);
  });

  it('scores a copy of its own features to the bit as these', () => {
    expect(probe.leaveOneOut({...features, data: features.data.slice()})).toEqual(
      probe.leaveOneOut(features),
    );
  });

  it('does not depend on the scale, the shift or the axes of the features', () => {
    const scaled = mapped(features, value => 1000 * value - 7);
    const scores = ridgeProbe(scaled, labels)!.leaveOneOut(scaled);
    expect(largestDifference(scores, own.flat())).toBeLessThan(1e-6);
  });
});

describe('a ridge probe', () => {
  const rows = normalRows(12, 5, 1);
  const labels = Array.from({length: 12}, (_, i) => i % 3);

  it('is not there for features that are constant or not finite', () => {
    expect(
      ridgeProbe(
        mapped(rows, () => 3),
        labels,
      ),
    ).toBeNull();
    expect(ridgeProbe({...rows, data: rows.data.with(4, NaN)}, labels)).toBeNull();
  });

  it('refuses labels of one class, of other images, or that are no classes', () => {
    const bad = (others: number[], message: string) =>
      expect(() => ridgeProbe(rows, others)).toThrow(message);
    bad(
      labels.map(() => 1),
      'labels of one class only',
    );
    bad(labels.slice(1), '11 labels for 12 images');
    bad(labels.with(0, 0.5), 'give one class, 0, 1, …');
  });

  it('refuses features of another shape', () => {
    expect(() => ridgeProbe(rows, labels)!.leaveOneOut(normalRows(12, 4, 1))).toThrow(
      'features of 12 × 4 for a probe of 12 × 5',
    );
  });
});

const mapped = (rows: Rows, map: (value: number) => number): Rows => ({...rows, data: rows.data.map(map)});
