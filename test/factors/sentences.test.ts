import {expect, test} from 'vitest';
import {factorSentences, factorTable, factorWords} from '../../src/factors/index.js';
import type {FactorBaseline, FactorReading, Score} from '../../src/types.js';

const layers = ['block_00', 'block_01', 'block_02', 'norm'];
const before = (factor: string, invariance: number[], withheld?: string): FactorBaseline => ({
  factor,
  strength: 1,
  invariance: withheld === undefined ? invariance : layers.map(() => null),
  ratio: layers.map(() => 0.2),
  pixels: 0.99,
  random: [1, 1, 1, 0.8],
  ...(withheld !== undefined && {withheld}),
});
const now = (factor: string, from: number[], changes: (number | null)[], spread = 0.01): FactorReading => ({
  factor,
  invariance: changes.map((change, i) => (change === null ? null : from[i]! + change)),
  change: changes.map((value): Score =>
    value === null
      ? {status: 'withheld', reason: 'no colour'}
      : {status: 'scored', value, low: value - spread, high: value + spread},
  ),
  ratio: layers.map(() => 0.2),
});
const drift = (diagonal: number[]) => {
  const matrix = diagonal.map((value, i) => diagonal.map((_, j) => (i === j ? value : 1)));
  return {unbiased: matrix, biased: matrix};
};
const still = drift([0, 0, 0, 0]);
const start = [0.95, 0.95, 0.95, 0.9];

const say = (readings: FactorReading[], baselines: FactorBaseline[], drifted = still) =>
  factorSentences({factors: baselines}, {layers, factors: readings, drift: drifted});

test('one layer that sees a factor is named with the numbers; the others are said to be as before', () => {
  const sentences = say(
    [
      now('hue', start, [0, 0, -0.5, 0]),
      now('flip', start, [0, 0, 0, 0]),
      now('shift', start, [0, 0, 0.02, 0]),
    ],
    [before('hue', start), before('flip', start), before('shift', start)],
  );
  expect(sentences).toEqual([
    'block_02 now sees hue (0.95 → 0.45).',
    'Flip and shift: as before (no sure change of 0.05 or more).',
  ]);
});

test('neighbouring layers are drawn together, and the one that changed most gives the numbers', () => {
  expect(say([now('hue', start, [-0.1, -0.2, -0.3, 0])], [before('hue', start)])).toEqual([
    'block_00 to block_02 now see hue (most in block_02: 0.95 → 0.65).',
  ]);
  expect(
    say([now('blur', [0.5, 0.5, 0.5, 0.5], [0.1, 0, 0, 0.4])], [before('blur', [0.5, 0.5, 0.5, 0.5])]),
  ).toEqual(['block_00 and norm ignore blur more than before (most in norm: 0.50 → 0.90).']);
});

test('a change whose interval holds 0 is not told, however large', () => {
  expect(say([now('hue', start, [0, 0, -0.5, 0], 0.6)], [before('hue', start)])).toEqual([
    'Hue: as before (no sure change of 0.05 or more).',
  ]);
});

test('a factor that says nothing of these probes is said to, with its reason', () => {
  const reason = 'hue changes only 0 of the 64 probes';
  expect(say([now('hue', start, [null, null, null, null])], [before('hue', start, reason)])).toEqual([
    `Of hue nothing can be said: ${reason}.`,
  ]);
});

test('a layer that ignores more of everything and has drifted far is told from a robust one', () => {
  const rise = [now('hue', start, [0, 0, 0, 0.1]), now('flip', start, [0, 0, 0, 0.09])];
  const baselines = [before('hue', start), before('flip', start)];
  const hint =
    'norm ignores more of most factors and has drifted far (0.90): a layer that collapses becomes invariant to everything, which is no robustness.';
  expect(say(rise, baselines, drift([0, 0, 0, 0.9]))).toContain(hint);
  expect(say(rise, baselines, drift([0, 0, 0, 0.1])).join()).not.toContain('collapses');
  const seesHue = [now('hue', start, [0, 0, 0, -0.3]), rise[1]!];
  expect(say(seesHue, baselines, drift([0, 0, 0, 0.9])).join()).not.toContain('collapses');
});

test('a layer that ignores more and tells classes less well is doubted too', () => {
  const ridge = [
    {
      labels: 'class folders',
      accuracy: [0.9, 0.9, 0.9, 0.4],
      change: [0, 0, 0, -0.4].map((value): Score => ({
        status: 'scored',
        value,
        low: value - 0.1,
        high: value + 0.1,
      })),
      kept: [],
    },
  ];
  const {doubts} = factorWords(
    {factors: [before('flip', start)]},
    {layers, factors: [now('flip', start, [0, 0.09, 0, 0.09])], drift: still, ridge},
  );
  expect(doubts).toEqual([
    'norm ignores more of most factors and tells the classes less well than it did: a layer that collapses becomes invariant to everything, which is no robustness.',
  ]);
});

test('where there is no panel nothing is said', () => {
  expect(factorSentences(null, {layers, drift: still})).toEqual([]);
});

test('the table holds before and now a layer, and below them what is there for reference', () => {
  const hue = before('hue', start);
  const grey = before('grey', start, 'no colour');
  expect(
    factorTable(
      layers,
      [hue, grey],
      [now('hue', start, [0, 0, -0.5, 0]), now('grey', start, [null, null, null, null])],
    ),
  ).toEqual([
    ['invariance to', 'hue', 'grey'],
    ['block_00', '0.95 → 0.95', 'withheld'],
    ['block_01', '0.95 → 0.95', 'withheld'],
    ['block_02', '0.95 → 0.45', 'withheld'],
    ['norm', '0.90 → 0.90', 'withheld'],
    ['random networks', '0.95', '0.95'],
    ['raw pixels', '0.99', '0.99'],
  ]);
});
