/**
 * Does the factor panel name what was forgotten? On the networks that bench/truth/factors.py made in NETWORKS: tables in
 * Markdown. What was measured is kept beside each network.
 *
 *     node --import tsx bench/truth/factors.ts NETWORKS
 */
import {existsSync} from 'node:fs';
import {readdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {openOrtEngine, readWeights} from '../../src/engine/index.js';
import {selectFactors} from '../../src/factors/index.js';
import {pickImages} from '../../src/images.js';
import {openPanel} from '../../src/measure/panel.js';
import {withWeights} from '../../src/measure/with-weights.js';
import {loadProbes} from '../../src/probes/index.js';
import type {FactorReading} from '../../src/types.js';
import {mean, row, sureOf, text} from './words.js';

/** Those of the study, and three bystanders. */
const FACTORS = ['hue', 'brightness', 'flip', 'shift', 'scale', 'rotation', 'blur', 'noise'];
const COUNTS = [16, 32, 64];
const DEFAULT_COUNT = 64;
const KINDS = ['told', 'other', 'head', 'rank-0'] as const;

type Kind = (typeof KINDS)[number];

interface Measured {
  factor: string;
  /** By kind of finetune and number of probes. */
  readings: {kind: Kind; count: number; panel: FactorReading[]}[];
}

async function measure(folder: string, name: string): Promise<Measured> {
  const kept = join(folder, name, 'panel.json');
  if (existsSync(kept)) return JSON.parse(await readFile(kept, 'utf8')) as Measured;
  const [factor] = name.split('-') as [string];
  const engine = await openOrtEngine({folder: join(folder, name, 'pretrained'), batch: 64});
  const {images} = await loadProbes(`${join(folder, name, 'probes.safetensors')}:images`, {
    max: Math.max(...COUNTS),
  });
  const readings: Measured['readings'] = [];
  for (const count of COUNTS) {
    const probes = pickImages(
      images,
      Array.from({length: count}, (_, at) => at),
    );
    const panel = openPanel({engine, probes, factors: selectFactors(FACTORS)});
    const reference = await panel.measureReference([]);
    for (const kind of count === DEFAULT_COUNT ? KINDS : KINDS.slice(0, 2)) {
      const weights = await readWeights(join(folder, name, kind), {like: engine});
      readings.push({kind, count, panel: await withWeights(engine, weights, () => panel.read(reference))});
    }
  }
  await engine.dispose();
  const measured = {factor, readings};
  await writeFile(kept, JSON.stringify(measured));
  return measured;
}

/** The factor whose invariance fell most in any layer, of those where the interval excludes 0; null where none fell. */
function named(panel: readonly FactorReading[]): string | null {
  const fell = panel.flatMap(({factor, change}) =>
    change.filter(sureOf(-1)).map(score => ({factor, value: score.status === 'scored' ? score.value : 0})),
  );
  return fell.sort((a, b) => a.value - b.value)[0]?.factor ?? null;
}

const share = (values: readonly boolean[]) => mean(values.map(Number));

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('give the folder that bench/truth/factors.py wrote');
const names = (await readdir(folder))
  .filter(name => existsSync(join(folder, name, 'probes.safetensors')))
  .sort();
const all: Measured[] = [];
for (const name of names) all.push(await measure(folder, name));

const panels = (kind: Kind, count: number, factor?: string) =>
  all
    .filter(each => factor === undefined || each.factor === factor)
    .flatMap(each =>
      each.readings
        .filter(reading => reading.kind === kind && reading.count === count)
        .map(({panel}) => ({factor: each.factor, panel})),
    );
const lines: string[] = [];
const table = (head: string[], rows: string[][]) =>
  lines.push(row(head), row(head.map(() => '---')), ...rows.map(row), '');

table(
  [
    'invariant to',
    'runs',
    'told: named right',
    'named instead',
    'its change, lowest layer',
    'other: named it',
    'its change',
  ],
  [...new Set(all.map(({factor}) => factor))].map(factor => {
    const told = panels('told', DEFAULT_COUNT, factor);
    const other = panels('other', DEFAULT_COUNT, factor);
    const others = told.map(({panel}) => named(panel)).filter(name => name !== factor);
    const lowest = (panel: readonly FactorReading[]) =>
      Math.min(
        ...panel
          .find(reading => reading.factor === factor)!
          .change.map(score => (score.status === 'scored' ? score.value : 0)),
      );
    return [
      factor,
      String(told.length),
      text(share(told.map(({panel}) => named(panel) === factor))),
      [...new Set(others.map(String))].join(', '),
      text(mean(told.map(({panel}) => lowest(panel)))),
      text(share(other.map(({panel}) => named(panel) === factor))),
      text(mean(other.map(({panel}) => lowest(panel)))),
    ];
  }),
);

const silent = (kind: Kind) =>
  panels(kind, DEFAULT_COUNT).map(({panel}) =>
    panel.every(({change}) => !change.some(score => sureOf(-1)(score) || sureOf(1)(score))),
  );
table(
  ['control', 'runs', 'silent'],
  (['head', 'rank-0'] as const).map(kind => [kind, String(silent(kind).length), text(share(silent(kind)))]),
);

table(
  ['probes', 'told: named right', 'told: its fall is sure'],
  COUNTS.map(count => [
    String(count),
    text(share(panels('told', count).map(({factor, panel}) => named(panel) === factor))),
    text(
      share(
        panels('told', count).map(({factor, panel}) =>
          panel.find(reading => reading.factor === factor)!.change.some(sureOf(-1)),
        ),
      ),
    ),
  ]),
);
console.log(lines.join('\n'));
