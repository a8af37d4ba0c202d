import {describe, expect, it} from 'vitest';
import {accuracyChange, accuracyOf, ridgeProbe} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import type {Rows} from './samples.js';

/** Scores of two classes under which the images of these places are right, all being of class 0. */
const scoresOf = (right: readonly boolean[]) =>
  Float64Array.from(right.flatMap(hit => (hit ? [1, 0] : [0, 1])));
const zeros = (n: number) => Array.from({length: n}, () => 0);

describe('the change of an accuracy', () => {
  it('is that of Agresti & Min, which adds half an image to each cell of right and wrong', () => {
    // 100 images: 60 right both times, 5 gained, 15 lost. (15 − 5) / 102 ± 1.96 √(21 − 100/102) / 102.
    const before = Array.from({length: 100}, (_, i) => i < 60 || i >= 85);
    const after = Array.from({length: 100}, (_, i) => i < 60 || (i >= 60 && i < 65));
    const change = accuracyChange(scoresOf(before), scoresOf(after), zeros(100));
    expect(change.value).toBeCloseTo(-0.1, 12);
    expect(change.low).toBeCloseTo(-0.18398, 4);
    expect(change.high).toBeCloseTo(-0.0121, 4);
    const wider = accuracyChange(scoresOf(before), scoresOf(after), zeros(100), {refitted: true});
    expect((wider.high! - wider.low!) / (change.high! - change.low!)).toBeCloseTo(1.25, 12);
  });

  it('is 0 [0, 0] of equal scores, and not sure to be 0 where only the answers are equal', () => {
    const scores = scoresOf([true, false, true, true, false, true, true, true]);
    const other = scores.map(score => score * 0.9);
    expect(accuracyChange(scores, scores.slice(), zeros(8))).toEqual({
      status: 'scored',
      value: 0,
      low: 0,
      high: 0,
    });
    const {value, low, high} = accuracyChange(scores, other, zeros(8));
    expect(value).toBe(0);
    expect(low).toBeLessThan(-0.1);
    expect(high).toBeGreaterThan(0.1);
  });

  it('stays in [−1, 1] and holds its value', () => {
    const all = Array.from({length: 6}, () => true);
    const none = all.map(() => false);
    expect(accuracyChange(scoresOf(all), scoresOf(none), zeros(6))).toMatchObject({value: -1, low: -1});
    expect(accuracyChange(scoresOf(none), scoresOf(all), zeros(6))).toMatchObject({value: 1, high: 1});
  });
});

const CLASSES = 4;
const WIDTH = 24;

/** One layer of `count` images in two models: in the second, half of what tells the classes apart is gone. */
function layersOf(
  count: number,
  forgotten: number,
  seed: number,
): {labels: number[]; before: Rows; after: Rows} {
  const fixed = seededRandom(5);
  const centres = Array.from({length: CLASSES * WIDTH}, () => fixed.normal() / 2);
  const random = seededRandom(seed);
  const labels = Array.from({length: count}, (_, i) => i % CLASSES);
  const [before, after] = [new Float64Array(count * WIDTH), new Float64Array(count * WIDTH)];
  for (let at = 0; at < before.length; at++) {
    const centre = centres[labels[Math.floor(at / WIDTH)]! * WIDTH + (at % WIDTH)]!;
    before[at] = centre + random.normal();
    after[at] = before[at]! + forgotten * (random.normal() - (at % WIDTH < WIDTH / 2 ? centre : 0));
  }
  const rows = (data: Float64Array) => ({count, width: WIDTH, data});
  return {labels, before: rows(before), after: rows(after)};
}

describe('over many sets of 64 images', () => {
  it.each([0.1, 0.4, 1])('the intervals hold the mean change in most of them, forgotten %d', forgotten => {
    const trials = Array.from({length: 150}, (_, seed) => {
      const {labels, before, after} = layersOf(64, forgotten, seed);
      const probe = ridgeProbe(before, labels)!;
      const own = probe.leaveOneOut(before);
      const anew = ridgeProbe(after, labels)!.leaveOneOut(after);
      return {
        change: accuracyChange(own, anew, labels, {refitted: true}),
        kept: accuracyChange(own, probe.leaveOneOut(after), labels),
      };
    });
    for (const [name, least] of [
      ['change', 0.93],
      ['kept', 0.88],
    ] as const) {
      const mean = trials.reduce((sum, trial) => sum + trial[name].value, 0) / trials.length;
      const covered = trials.filter(({[name]: {low, high}}) => low! <= mean && mean <= high!).length;
      expect(covered / trials.length).toBeGreaterThan(least);
    }
  });

  it('a probe of noise is right by chance, and not less for leaving out the image it is asked about', () => {
    const accuracies = Array.from({length: 60}, (_, seed) => {
      const random = seededRandom(seed);
      const rows = {count: 64, width: 8, data: Float64Array.from({length: 512}, () => random.normal())};
      const labels = Array.from({length: 64}, (_, i) => i % CLASSES);
      return accuracyOf(ridgeProbe(rows, labels)!.leaveOneOut(rows), labels);
    });
    const mean = accuracies.reduce((sum, value) => sum + value, 0) / accuracies.length;
    expect(mean).toBeGreaterThan(0.19);
    expect(mean).toBeLessThan(0.27);
  });
});
