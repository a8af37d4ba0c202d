import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {
  cka,
  ckaOfFeatures,
  exactCka,
  gramOf,
  hsic0,
  hsic1,
  minibatchCka,
  selectImages,
  similarityMatrix,
  similarityRow,
} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import type {Gram} from '../../src/types.js';
import {normalGram, normalRows, pairOfRows, rowsOf, sliceRows, valueOf, type Rows} from './samples.js';

const ESTIMATORS = ['unbiased', 'biased'] as const;
/** Rounding of float64 sums over the sizes drawn here. */
const ROUNDING = 1e-9;

/** A random orthogonal matrix times `scale`, then a shift: reflections in random directions, one after another. */
function mapped(rows: Rows, {scale, shift, seed}: {scale: number; shift: number; seed: number}): Rows {
  const random = seededRandom(seed);
  const data = rows.data.slice();
  for (let reflection = 0; reflection < rows.width; reflection++) {
    const direction = Float64Array.from({length: rows.width}, () => random.normal());
    const square = direction.reduce((sum, v) => sum + v * v, 0);
    for (let i = 0; i < rows.count; i++) {
      const row = data.subarray(i * rows.width, (i + 1) * rows.width);
      const along = row.reduce((sum, v, k) => sum + v * direction[k]!, 0) / square;
      for (let k = 0; k < rows.width; k++) row[k]! -= 2 * along * direction[k]!;
    }
  }
  const shifts = Float64Array.from({length: rows.width}, () => shift * random.normal());
  return {...rows, data: data.map((v, index) => v * scale + shifts[index % rows.width]!)};
}

describe('cka', () => {
  it('of a layer with itself is 1, to the bit', () => {
    fc.assert(
      fc.property(pairOfRows, ({a}) => {
        const K = gramOf(a);
        for (const estimator of ESTIMATORS)
          expect(cka(K, K, estimator)).toEqual({status: 'scored', value: 1});
      }),
    );
  });

  it('ignores a rotation, a scale and a shift of either side', () => {
    fc.assert(
      fc.property(
        pairOfRows,
        fc.double({min: 1e-3, max: 1e3, noNaN: true}),
        fc.double({min: -10, max: 10, noNaN: true}),
        ({a, b, seed}, scale, shift) => {
          for (const estimator of ESTIMATORS) {
            const before = valueOf(ckaOfFeatures(a, b, estimator));
            const after = valueOf(ckaOfFeatures(mapped(a, {scale, shift, seed}), b, estimator));
            expect(Math.abs(after - before)).toBeLessThan(1e-7);
          }
        },
      ),
    );
  });

  it('is symmetric, at most 1, and never negative when biased', () => {
    fc.assert(
      fc.property(pairOfRows, ({a, b}) => {
        const [K, L] = [gramOf(a), gramOf(b)];
        for (const estimator of ESTIMATORS) {
          const value = valueOf(cka(K, L, estimator));
          expect(Math.abs(value - valueOf(cka(L, K, estimator)))).toBeLessThan(ROUNDING);
          expect(value).toBeLessThanOrEqual(1);
          if (estimator === 'biased') expect(value).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it('may be negative when unbiased', () => {
    const values = Array.from({length: 40}, (_, seed) =>
      valueOf(cka(normalGram(20, 8, seed), normalGram(20, 8, seed + 1000), 'unbiased')),
    );
    expect(Math.min(...values)).toBeLessThan(-0.01);
    expect(Math.max(...values)).toBeGreaterThan(0.01);
  });

  it('does not depend on the order of images', () => {
    fc.assert(
      fc.property(pairOfRows, ({a, b, seed}) => {
        const order = seededRandom(seed).permutation(a.count);
        for (const estimator of ESTIMATORS) {
          const [K, L] = [gramOf(a), gramOf(b)];
          const reordered = cka(selectImages(K, order), selectImages(L, order), estimator);
          expect(Math.abs(valueOf(reordered) - valueOf(cka(K, L, estimator)))).toBeLessThan(ROUNDING);
        }
      }),
    );
  });

  it('is near 0 when the images of one side are permuted: the control', () => {
    const rows = normalRows(200, 10, 1);
    const K = gramOf(rows);
    const permuted = selectImages(K, seededRandom(5).permutation(200));
    expect(Math.abs(valueOf(cka(K, permuted, 'unbiased')))).toBeLessThan(0.03);
  });

  it('is withheld with a reason, never NaN', () => {
    const constant = gramOf({count: 6, width: 3, data: new Float32Array(18).fill(0.1)});
    const broken = gramOf({count: 6, width: 1, data: Float32Array.of(1, 2, NaN, 4, 5, 6)});
    const infinite = gramOf({count: 6, width: 1, data: Float32Array.of(1, 2, Infinity, 4, 5, 6)});
    const good = normalGram(6, 3, 1);
    for (const estimator of ESTIMATORS) {
      expect(cka(normalGram(3, 4, 1), normalGram(3, 4, 2), estimator)).toEqual({
        status: 'withheld',
        reason: 'fewer than 4 images',
      });
      for (const [gram, reason] of [
        [constant, 'the layer is constant over the images'],
        [broken, 'the layer is not finite'],
        [infinite, 'the layer is not finite'],
      ] as const) {
        expect(cka(gram, good, estimator)).toEqual({status: 'withheld', reason});
        expect(cka(good, gram, estimator)).toEqual({status: 'withheld', reason});
      }
    }
  });

  it('takes a layer that moves by its rounding alone for constant', () => {
    const random = seededRandom(1);
    const data = Float32Array.from({length: 60}, () => 0.1 + 2 ** -26 * Math.round(random.normal()));
    for (const estimator of ESTIMATORS) {
      const constant = {count: 6, width: 10, data};
      expect(ckaOfFeatures(constant, normalRows(6, 3, 1), estimator).status).toBe('withheld');
      const stream = exactCka();
      stream.add(constant, normalRows(6, 3, 1));
      expect(stream.similarity(estimator).status).toBe('withheld');
    }
  });

  it.each(ESTIMATORS)('takes what centring leaves of a Gram by rounding for nothing, %s', estimator => {
    const n = 6;
    const other = normalGram(n, 3, 1);
    expect(cka({n, data: new Float64Array(n * n).fill(0.1)}, other, estimator)).toEqual({
      status: 'withheld',
      reason: 'the layer is constant over the images',
    });
    // Variation of this share of the whole Gram's energy: 1e-24 is where rounding ends.
    const varied = (share: number): Gram => {
      const {data} = normalGram(n, 3, 2);
      const energy =
        estimator === 'biased' ? hsic0({n, data}, {n, data}) : hsic1({n, data}, {n, data}) * n * (n - 3);
      const seen = estimator === 'biased' ? n * n : n * (n - 1);
      const size = Math.sqrt((share * seen) / energy);
      return {n, data: data.map(value => 1 + size * value)};
    };
    expect(cka(varied(0.9e-24), other, estimator).status).toBe('withheld');
    expect(cka(varied(1.1e-24), other, estimator).status).toBe('scored');
  });

  it('keeps its digits under a mean a million times the spread', () => {
    const rows = normalRows(32, 6, 3);
    const far = {...rows, data: rows.data.map(value => value + 1e6)};
    const other = normalGram(32, 6, 4);
    for (const estimator of ESTIMATORS) {
      const gap = valueOf(cka(gramOf(far), other, estimator)) - valueOf(cka(gramOf(rows), other, estimator));
      expect(Math.abs(gap)).toBeLessThan(1e-8);
    }
  });

  it('is given for features of any size of number', () => {
    for (const scale of [1e-18, 1e18]) {
      const rows = normalRows(16, 6, 3);
      const scaled = {count: 16, width: 6, data: Float32Array.from(rows.data, value => value * scale)};
      expect(valueOf(ckaOfFeatures(scaled, rows, 'unbiased'))).toBeCloseTo(1, 6);
    }
  });
});

describe('similarityMatrix and similarityRow', () => {
  it('hold exactly what cka gives for each pair', () => {
    const rows = [1, 2, 3].map(seed => normalGram(12, 4, seed));
    const columns = [3, 4].map(seed => normalGram(12, 4, seed));
    const matrix = similarityMatrix(rows, columns);
    const row = similarityRow(rows.slice(0, 2), columns);
    for (const estimator of ESTIMATORS) {
      expect(matrix[estimator]).toEqual(rows.map(K => columns.map(L => valueOf(cka(K, L, estimator)))));
      expect(row[estimator]).toEqual(columns.map((L, j) => valueOf(cka(rows[j]!, L, estimator))));
    }
    expect(matrix.unbiased[2]![0]).toBe(1);
  });

  it('hold null where a layer is constant', () => {
    const constant = gramOf(rowsOf([[1], [1], [1], [1], [1]]));
    const good = normalGram(5, 4, 1);
    const expected = [[1, null]];
    expect(similarityMatrix([good], [good, constant])).toEqual({unbiased: expected, biased: expected});
  });
});

describe('exactCka', () => {
  it('equals cka on whole Grams, whatever the batches', () => {
    fc.assert(
      fc.property(pairOfRows, fc.array(fc.integer({min: 1, max: 9}), {minLength: 1}), ({a, b}, sizes) => {
        const stream = exactCka();
        for (let start = 0, batch = 0; start < a.count; batch++) {
          const end = Math.min(a.count, start + sizes[batch % sizes.length]!);
          stream.add(sliceRows(a, start, end), sliceRows(b, start, end));
          start = end;
        }
        for (const estimator of ESTIMATORS) {
          const whole = valueOf(ckaOfFeatures(a, b, estimator));
          expect(Math.abs(valueOf(stream.similarity(estimator)) - whole)).toBeLessThan(ROUNDING);
        }
      }),
    );
  });

  it('is withheld with the reasons of cka', () => {
    const stream = exactCka();
    expect(stream.similarity('unbiased')).toEqual({status: 'withheld', reason: 'fewer than 4 images'});
    stream.add({count: 5, width: 2, data: new Float64Array(10).fill(0.1)}, normalRows(5, 2, 1));
    expect(stream.similarity('unbiased')).toEqual({
      status: 'withheld',
      reason: 'the layer is constant over the images',
    });
    const second = exactCka();
    second.add(normalRows(5, 2, 1), {count: 5, width: 2, data: new Float64Array(10).fill(0.1)});
    expect(second.similarity('unbiased')).toEqual({
      status: 'withheld',
      reason: 'the layer is constant over the images',
    });
    const broken = exactCka();
    broken.add({count: 4, width: 1, data: Float64Array.of(1, NaN, 2, 3)}, normalRows(4, 2, 1));
    expect(broken.similarity('biased')).toEqual({status: 'withheld', reason: 'the layer is not finite'});
  });

  it('needs 4 images, in however many batches', () => {
    const stream = exactCka();
    for (let image = 0; image < 3; image++) stream.add(normalRows(1, 2, image), normalRows(1, 3, image));
    expect(stream.similarity('biased')).toEqual({status: 'withheld', reason: 'fewer than 4 images'});
    stream.add(normalRows(1, 2, 3), normalRows(1, 3, 3));
    expect(stream.similarity('biased').status).toBe('scored');
  });
});

describe('minibatchCka', () => {
  it('equals cka and exactCka on one batch', () => {
    fc.assert(
      fc.property(pairOfRows, ({a, b}) => {
        const stream = minibatchCka();
        stream.add(gramOf(a), gramOf(b));
        const whole = valueOf(ckaOfFeatures(a, b, 'unbiased'));
        expect(Math.abs(valueOf(stream.similarity()) - whole)).toBeLessThan(ROUNDING);
      }),
    );
  });

  it('estimates the value of all images without bias from unequal batches', () => {
    const count = 4000;
    const a = normalRows(count, 6, 1);
    const b = {...a, data: a.data.map((value, index) => value + normalLike(index))};
    const stream = minibatchCka();
    for (let start = 0, size = 8; start < count; start += size, size = size === 8 ? 24 : 8) {
      const end = Math.min(count, start + size);
      if (end - start >= 4) stream.add(gramOf(sliceRows(a, start, end)), gramOf(sliceRows(b, start, end)));
    }
    const exact = exactCka();
    exact.add(a, b);
    expect(Math.abs(valueOf(stream.similarity()) - valueOf(exact.similarity('unbiased')))).toBeLessThan(0.02);
  });

  it('does not depend on the order of batches', () => {
    const batches = [5, 9, 14].map(
      (count, seed) => [normalGram(count, 3, seed), normalGram(count, 3, seed + 9)] as const,
    );
    const over = (order: number[]) => {
      const stream = minibatchCka();
      for (const index of order) stream.add(...batches[index]!);
      return valueOf(stream.similarity());
    };
    expect(over([2, 0, 1])).toBeCloseTo(over([0, 1, 2]), 12);
  });

  it('is withheld for features whose products no float64 holds', () => {
    const stream = minibatchCka();
    const {data, ...shape} = normalRows(5, 2, 1);
    stream.add(gramOf({...shape, data: data.map(value => value * 1e100)}), normalGram(5, 2, 2));
    expect(stream.similarity()).toEqual({status: 'withheld', reason: 'the layer is not finite'});
  });

  it('is withheld before the first batch, and takes batches of 4 images or more', () => {
    const stream = minibatchCka();
    expect(stream.similarity()).toEqual({status: 'withheld', reason: 'fewer than 4 images'});
    expect(() => stream.add(normalGram(3, 2, 1), normalGram(3, 2, 2))).toThrow(
      'hsic1 of 3 images is not defined; it needs 4',
    );
    stream.add(normalGram(4, 2, 1), normalGram(4, 2, 2));
    expect(stream.similarity().status).toBe('scored');
  });
});

const noise = seededRandom(77);
const drawn = Float64Array.from({length: 24_000}, () => 0.7 * noise.normal());
function normalLike(index: number): number {
  return drawn[index]!;
}
