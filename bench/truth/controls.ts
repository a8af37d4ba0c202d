/**
 * What every score says of a pretrained model that was changed in a known way: tables in Markdown. The networks are
 * made by bench/truth/controls.py; inversions and the baseline are kept in WORK/cache.
 *
 *     node --import tsx bench/truth/controls.ts PRETRAINED CONTROLS IMAGES WORK      (IMAGES: class folders)
 */
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {openOrtEngine, readWeights} from '../../src/engine/index.js';
import {openInversionCache} from '../../src/inversion/index.js';
import {createMeasurer} from '../../src/measure/index.js';
import {openModelFolder} from '../../src/models/index.js';
import {loadProbes} from '../../src/probes/index.js';
import type {Baseline, Reading, Score} from '../../src/types.js';
import {mean, row, sureOf, text} from './words.js';

const CONTROLS = [
  'copy',
  'permuted',
  'int8',
  'int4',
  'int2',
  'pruned-50',
  'pruned-90',
  'block',
  'all',
  'shuffled',
  'real',
  'scratch',
];
/** The re-initialised block, and what its two branches add. */
const TAPS = ['block_02', 'block_02/attention', 'block_02/mlp'];

const [pretrained, folder, images, work] = process.argv.slice(2);
if (!pretrained || !folder || !images || !work) throw new Error('give PRETRAINED CONTROLS IMAGES WORK');
const controls = CONTROLS.filter(name => existsSync(join(folder, name, 'config.json')));
if (!existsSync(pretrained) || !existsSync(images) || controls.length === 0) {
  console.log(`skipped: it needs ${pretrained}, ${images} and what controls.py writes to ${folder}`);
  process.exit();
}

const model = await openModelFolder(pretrained);
await model.tensors.close();
const {images: probes, labels} = await loadProbes(images, {preprocessor: model.preprocessor});
const cache = await openInversionCache({folder: join(work, 'cache')});

async function measure(layers?: string[]): Promise<{baseline: Baseline; readings: Map<string, Reading>}> {
  const engine = await openOrtEngine({folder: pretrained!, ...(layers && {layers})});
  const measurer = await createMeasurer({engine, probes, labels, cache, factors: 'all'});
  const readings = new Map<string, Reading>();
  for (const name of controls) {
    const weights = await readWeights(join(folder!, name), {like: engine});
    const moment = {step: 1, epoch: null, time: 0, logged: {}};
    readings.set(name, await measurer.read({weights, moment, convergence: false}));
  }
  await measurer.dispose();
  return {baseline: measurer.baseline, readings};
}

const diagonal = (matrix: Reading['retention']) => matrix.unbiased.map((values, i) => values[i]!);
const values = (scores: readonly Score[]) =>
  scores.map(score => (score.status === 'scored' ? score.value : null));

/** Of the layers where the interval excludes 0: "hue 5↓, flip 2↑". */
function factorsOf({factors = []}: Reading): string {
  const said = factors.flatMap(({factor, change}) => {
    const [fell, rose] = [change.filter(sureOf(-1)).length, change.filter(sureOf(1)).length];
    return fell + rose > 0 ? [`${factor} ${fell ? `${fell}↓` : ''}${rose ? `${rose}↑` : ''}`] : [];
  });
  return said.join(', ') || 'silent';
}

const {baseline, readings} = await measure();
console.log(
  [
    row([
      '',
      'R[i, i], mean',
      'norm',
      'score, mean',
      'lowest',
      'drift, mean',
      'gain',
      'loss',
      'ridge',
      'weight drift',
    ]),
    row(Array(10).fill('---')),
    ...[...readings].map(([name, reading]) => {
      const {retention, scores, drift, gain = [], loss = [], ridge = [], weightDrift} = reading;
      const kept = values(scores).filter(value => value !== null);
      return row([
        name,
        text(mean(diagonal(retention))),
        text(diagonal(retention).at(-1)!),
        text(mean(kept)),
        text(Math.min(...kept)),
        text(mean(diagonal(drift)), 3),
        `${text(mean(values(gain)), 3)} (${gain.filter(sureOf(1)).length} sure)`,
        `${text(mean(values(loss)), 3)} (${loss.filter(sureOf(1)).length} sure)`,
        text(mean(values(ridge[0]?.change ?? []))),
        text(mean(weightDrift)),
      ]);
    }),
    '',
    row(['', 'ceiling, mean', 'floor, mean', 'layers scored']),
    row(Array(4).fill('---')),
    row([
      'pretrained',
      text(mean(diagonal(baseline.ceiling))),
      text(mean(diagonal(baseline.floor))),
      `${values(readings.get('copy')!.scores).filter(value => value !== null).length} of ${baseline.layers.length}`,
    ]),
    '',
    row(['', 'factors: layers whose invariance surely fell ↓ or rose ↑']),
    row(['---', '---']),
    ...[...readings].map(([name, reading]) => row([name, factorsOf(reading)])),
  ].join('\n'),
);

const tapped = await measure(TAPS);
const {layers} = tapped.baseline;
console.log(
  [
    '',
    row(['score (R)', ...layers]),
    row(Array(layers.length + 1).fill('---')),
    ...controls.map(name => {
      const {scores, retention} = tapped.readings.get(name)!;
      return row([
        name,
        ...layers.map((_, i) => `${text(values(scores)[i]!)} (${text(diagonal(retention)[i]!)})`),
      ]);
    }),
  ].join('\n'),
);
