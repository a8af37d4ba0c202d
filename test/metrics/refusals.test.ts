import {expect, it} from 'vitest';
import {
  bootstrapCka,
  cka,
  type DiagonalHalves,
  difference,
  exactCka,
  gate,
  gramOf,
  hsic0,
  hsic1,
  minibatchCka,
  retentionScores,
  type ScoredBy,
  similarityMatrix,
  similarityRow,
  weightDrift,
} from '../../src/metrics/index.js';
import {both, gateOf, normalGram, normalRows} from './samples.js';

const [five, six, three] = [normalGram(5, 2, 1), normalGram(6, 2, 1), normalGram(3, 2, 1)];
const unlike = 'grams of 5 and 6 images are not of the same images';

const features = {count: 2, width: 2, data: Float32Array.of(1, 2, 3, 4)};
const pixels = {count: 2, channels: 1, height: 1, width: 1, data: Float32Array.of(0, 1)};
const given = {
  layer: 'block_00',
  features,
  inverted: features,
  probes: pixels,
  images: pixels,
  seeds: pixels,
  evaluations: 1,
};

const ones = (length: number) => new Float32Array(length).fill(1);

/** Scores of two layers, of which one list is of another length. */
const scores = (baseline: Partial<ScoredBy>, halves: Partial<DiagonalHalves> = {}) => {
  const matrix = both([
    [1, 1],
    [1, 1],
  ]);
  const gates = [1, 2].map(() => gateOf({fvu: 0.01}));
  const none = [null, null];
  return retentionScores({
    retention: matrix,
    baseline: {ceiling: matrix, floor: matrix, gates, ...baseline},
    halves: {retention: none, ceiling: none, floor: none, ...halves},
    count: 9,
  });
};

it.each<[string, () => unknown]>([
  [unlike, () => cka(five, six, 'unbiased')],
  [unlike, () => hsic0(five, six)],
  [unlike, () => hsic1(five, six)],
  [unlike, () => bootstrapCka(five, six)],
  [unlike, () => minibatchCka().add(five, six)],
  [unlike, () => similarityRow([five], [six])],
  [unlike, () => similarityMatrix([five, six], [five])],
  [unlike, () => similarityMatrix([five], [six])],
  [unlike, () => similarityMatrix([five], [five, six])],
  ['1 grams cannot be paired with 2', () => similarityRow([five], [five, five])],
  ['hsic1 of 3 images is not defined; it needs 4', () => hsic1(three, three)],
  ['features of 11 values are not 4 × 3', () => gramOf({count: 4, width: 3, data: ones(11)})],
  [
    'features of 4 and 5 images are not paired',
    () => exactCka().add(normalRows(4, 2, 1), normalRows(5, 2, 1)),
  ],
  [
    'features of width 3 after width 2',
    () => {
      const stream = exactCka();
      stream.add(normalRows(4, 1, 1), normalRows(4, 2, 1));
      stream.add(normalRows(4, 1, 1), normalRows(4, 3, 1));
    },
  ],
  ['matrices of 1 × 1 and 1 × 2 layers cannot be subtracted', () => difference([[1]], [[1, 2]])],
  ['matrices of 1 × 1 and 2 × 1 layers cannot be subtracted', () => difference([[1]], [[1], [2]])],
  ['matrices of 0 × 0 and 1 × 1 layers cannot be subtracted', () => difference([], [[1]])],
  ['matrices of 2 × 1 and 2 × 1 layers cannot be subtracted', () => difference([[1], [1, 2]], [[1], [1]])],
  ['weights of 1 and 0 layers', () => weightDrift([[]], [])],
  [
    'weights of layer 0 differ in number or size between moments',
    () => weightDrift([[ones(1)]], [[ones(2)]]),
  ],
  [
    'weights of layer 1 differ in number or size between moments',
    () => weightDrift([[], [ones(1)]], [[], [ones(1), ones(1)]]),
  ],
  [
    'layer block_00: features of 2 × 2 and 1 × 2 are not of the same images',
    () => gate({...given, inverted: {count: 1, width: 2, data: ones(2)}}),
  ],
  [
    'layer block_00: features of 2 × 2 and 2 × 1 are not of the same images',
    () => gate({...given, inverted: {count: 2, width: 1, data: ones(2)}}),
  ],
  [
    '2 images and 1 images differ in number or size',
    () => gate({...given, probes: {...pixels, count: 1, data: ones(1)}}),
  ],
  ['ceiling of 1 layers for retention of 2', () => scores({ceiling: both([[1]])})],
  ['floor of 1 layers for retention of 2', () => scores({floor: both([[1]])})],
  ['half-samples of 3 layers for retention of 2', () => scores({}, {retention: [null, null, null]})],
  ['gates of 0 layers for retention of 2', () => scores({gates: []})],
])('what does not belong together is refused: %s', (message, call) => {
  expect(call).toThrow(expect.objectContaining({code: 'bad_option', message}));
});
