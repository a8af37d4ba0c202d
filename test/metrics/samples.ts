import fc from 'fast-check';
import {gramOf} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import type {Estimates, Gate, Gram, Matrix} from '../../src/types.js';

/** Float64 features, (count, width). */
export interface Rows {
  count: number;
  width: number;
  data: Float64Array;
}

export function rowsOf(matrix: readonly (readonly number[])[]): Rows {
  return {count: matrix.length, width: matrix[0]!.length, data: Float64Array.from(matrix.flat())};
}

/** Standard normal features. */
export function normalRows(count: number, width: number, seed: number): Rows {
  const random = seededRandom(seed);
  return {count, width, data: Float64Array.from({length: count * width}, () => random.normal())};
}

/** The images of `rows` from `start` up to `end`. */
export function sliceRows({width, data}: Rows, start: number, end: number): Rows {
  return {count: end - start, width, data: data.slice(start * width, end * width)};
}

export function normalGram(count: number, width: number, seed: number): Gram {
  return gramOf(normalRows(count, width, seed));
}

/** Two layers of which one is the other under noise; images drawn from one population. */
export function relatedLayers(count: number, seed: number): [Rows, Rows] {
  const width = 30;
  const random = seededRandom(seed);
  const a = new Float64Array(count * width);
  const b = new Float64Array(count * width);
  for (let index = 0; index < a.length; index++) {
    const scale = ((index % width) + 1) ** -0.5;
    a[index] = scale * random.normal();
    b[index] = a[index]! + 0.5 * scale * random.normal();
  }
  return [
    {count, width, data: a},
    {count, width, data: b},
  ];
}

export function relatedGrams(count: number, seed: number): [Gram, Gram] {
  const [a, b] = relatedLayers(count, seed);
  return [gramOf(a), gramOf(b)];
}

/** Two features of the same images, related to any degree; at least 5 images, so that variation is sure. */
export const pairOfRows = fc
  .record({
    count: fc.integer({min: 5, max: 24}),
    width: fc.integer({min: 2, max: 12}),
    other: fc.integer({min: 2, max: 12}),
    relation: fc.double({min: 0, max: 1, noNaN: true}),
    seed: fc.nat(),
  })
  .map(({count, width, other, relation, seed}) => {
    const a = normalRows(count, width, seed);
    const b = normalRows(count, other, seed + 1);
    const shared = Math.min(width, other);
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < shared; k++) {
        b.data[i * other + k] = relation * a.data[i * width + k]! + (1 - relation) * b.data[i * other + k]!;
      }
    }
    return {a, b, seed};
  });

/** The same matrix under both estimators. */
export function both(matrix: Matrix): Estimates {
  return {unbiased: matrix, biased: matrix};
}

export function valueOf(
  similarity: {status: 'scored'; value: number} | {status: 'withheld'; reason: string},
) {
  if (similarity.status === 'withheld') throw new Error(`withheld: ${similarity.reason}`);
  return similarity.value;
}

/** A gate with the default threshold. */
export function gateOf({layer = 'block_00', fvu}: {layer?: string; fvu: number | null}): Gate {
  return {
    layer,
    rel: 0.1,
    fvu,
    rmsToProbes: 0.2,
    rmsToSeeds: 0.3,
    unconverged: 0,
    evaluations: 50,
    threshold: 0.05,
    passed: fvu !== null && fvu < 0.05,
  };
}
