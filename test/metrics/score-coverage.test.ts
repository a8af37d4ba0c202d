import {expect, it} from 'vitest';
import {
  cka,
  ckaOfHalves,
  halfSums,
  exactCka,
  gramOf,
  halfSamples,
  retentionScores,
  type Halves,
} from '../../src/metrics/index.js';
import {seededRandom} from '../../src/random.js';
import {both, gateOf, valueOf, type Rows} from './samples.js';

/** What a layer can see of an image: what pretraining kept, and what it learnt to ignore. */
const KEPT = 6;
const IGNORED = 6;

/** A layer as a linear map of both parts. */
type Layer = readonly (readonly number[])[];

/** Images and their inverted partners: the kept part nearly the same, the ignored part that of a seed of its own. */
function pairsOfImages(count: number, seed: number): {images: number[][]; inverted: number[][]} {
  const random = seededRandom(seed);
  const normals = (length: number, scale: (k: number) => number) =>
    Array.from({length}, (_, k) => scale(k) * random.normal());
  const images = Array.from({length: count}, () => [
    ...normals(KEPT, k => (k + 1) ** -0.5),
    ...normals(IGNORED, k => (k + 1) ** -0.5),
  ]);
  const inverted = images.map(image => [
    ...image.slice(0, KEPT).map(value => value + 0.1 * random.normal()),
    ...normals(IGNORED, k => (k + 1) ** -0.5),
  ]);
  return {images, inverted};
}

const pretrained: Layer = Array.from({length: KEPT}, (_, row) =>
  Array.from({length: KEPT + IGNORED}, (_, column) => (row === column ? 1 : 0)),
);
/** Sees some of what pretraining had learnt to ignore. */
const finetuned: Layer = Array.from({length: KEPT + IGNORED}, (_, row) =>
  Array.from({length: KEPT + IGNORED}, (_, column) => (row === column ? (row < KEPT ? 1 : 0.9) : 0)),
);
/** Sees everything, in proportions of its own. */
function randomLayer(seed: number): Layer {
  const random = seededRandom(seed);
  return Array.from({length: 2}, () => Array.from({length: KEPT + IGNORED}, () => random.normal()));
}

function rowsOf(layer: Layer, images: readonly number[][]): Rows {
  const data = images.flatMap(image =>
    layer.map(weights => weights.reduce((sum, weight, k) => sum + weight * image[k]!, 0)),
  );
  return {count: images.length, width: layer.length, data: Float64Array.from(data)};
}

function similarityOf(layer: Layer, {images, inverted}: ReturnType<typeof pairsOfImages>): number {
  const exact = exactCka();
  exact.add(rowsOf(layer, images), rowsOf(layer, inverted));
  return valueOf(exact.similarity('unbiased'));
}

it('the interval of a score covers the score of all images, seeds and random networks in 93 of 100 measurements', () => {
  const everything = pairsOfImages(4000, 99);
  const floors = Array.from({length: 300}, (_, k) => similarityOf(randomLayer(50_000 + k), everything));
  const floor = floors.reduce((sum, value) => sum + value, 0) / floors.length;
  const [kept, ceiling] = [finetuned, pretrained].map(layer => similarityOf(layer, everything)) as [
    number,
    number,
  ];
  const truth = (kept - floor) / (ceiling - floor);
  expect(truth).toBeGreaterThan(0.2);
  expect(truth).toBeLessThan(0.8);

  const [trials, draws, count] = [200, 8, 64];
  const halves = halfSamples(count, {samples: 100});
  let covered = 0;
  let coveredWithoutDraws = 0;
  for (let trial = 0; trial < trials; trial++) {
    const sample = pairsOfImages(count, 1000 + trial);
    const measure = (layer: Layer) => {
      const [own, inverted] = [gramOf(rowsOf(layer, sample.images)), gramOf(rowsOf(layer, sample.inverted))];
      return {
        value: valueOf(cka(own, inverted, 'unbiased')),
        halves: ckaOfHalves(halfSums(own, halves), halfSums(inverted, halves)),
      };
    };
    const [now, top] = [measure(finetuned), measure(pretrained)];
    const chance = Array.from({length: draws}, (_, k) => measure(randomLayer(draws * trial + k)));
    const mean = chance.reduce((sum, {value}) => sum + value, 0) / draws;
    const deviation = Math.sqrt(chance.reduce((sum, {value}) => sum + (value - mean) ** 2, 0) / (draws - 1));
    const meanHalves: Halves = now.halves!.map(
      (_, half) => chance.reduce((sum, network) => sum + network.halves![half]!, 0) / draws,
    );
    const covers = (floorSpread?: {draws: number; diagonal: number[]}) => {
      const [score] = retentionScores({
        retention: both([[now.value]]),
        baseline: {
          ceiling: both([[top.value]]),
          floor: both([[mean]]),
          ...(floorSpread && {floorSpread}),
          gates: [gateOf({fvu: 0.01})],
        },
        halves: {retention: [now.halves], ceiling: [top.halves], floor: [meanHalves]},
        count,
      });
      return score?.status === 'scored' && score.low! <= truth && truth <= score.high!;
    };
    if (covers({draws, diagonal: [deviation]})) covered++;
    if (covers()) coveredWithoutDraws++;
  }
  expect(covered / trials).toBeGreaterThanOrEqual(0.93);
  expect(covered / trials).toBeLessThan(0.995);
  expect(coveredWithoutDraws).toBeLessThan(covered);
});
