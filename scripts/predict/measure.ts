/**
 * What this package says of the early checkpoints of all finetunes in WORK/outcomes.jsonl: one file of JSON lines a pretrained
 * model, WORK/readings/MODEL.jsonl, each line {run, reading}, and its baseline beside it. Written anew every time: the inversions
 * are kept in WORK/cache, so that a checkpoint costs seconds.
 *
 *     node --import tsx scripts/predict/measure.ts WORK     # after npm run build: the measuring process is the built one
 */
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {inversionOptions} from '../../src/inversion/index.js';
import {startChildMeasurer} from '../../src/measure/index.js';

interface Finetune {
  model: string;
  run: string;
  early: number;
}

const work = process.argv[2];
if (work === undefined) throw new Error('name the folder that finetune.py filled');
/** Every second block and the norm, by half of the usual evaluations: a third of the cost of a default run. */
const LAYERS = ['block_01', 'block_03', 'block_05', 'norm'];
const STEPS = 25;
const lines = (await readFile(join(work, 'outcomes.jsonl'), 'utf8')).trim().split('\n');
const finetunes = lines.map(line => JSON.parse(line) as Finetune);
const readings = join(work, 'readings');
await mkdir(readings, {recursive: true});

for (const model of new Set(finetunes.map(finetune => finetune.model))) {
  const measurer = startChildMeasurer({
    pretrained: join(work, 'models', model),
    probes: join(work, 'probes', model),
    layers: LAYERS,
    inversion: inversionOptions({steps: STEPS}),
    pooling: 'cls',
    cache: join(work, 'cache'),
  });
  try {
    await writeFile(join(readings, `${model}-baseline.json`), JSON.stringify(await measurer.baseline()));
    console.log(`${model}: baseline`);
    const measured: string[] = [];
    for (const {run, early} of finetunes.filter(finetune => finetune.model === model)) {
      const folder = join(work, 'finetunes', model, run, `checkpoint-${early}`);
      const moment = {step: early, epoch: null, time: Date.now(), logged: {}};
      measured.push(
        JSON.stringify({run, reading: await measurer.read({folder, moment, convergence: false})}),
      );
      console.log(`${model} ${run}`);
    }
    await writeFile(join(readings, `${model}.jsonl`), `${measured.join('\n')}\n`);
  } finally {
    await measurer.close();
  }
}
