/**
 * What this package says of the early checkpoints that scripts/predict/finetune.py kept: one file of JSON lines a pretrained
 * model, WORK/readings/MODEL.jsonl, each line {run, reading}, and its baseline beside it. Written anew every time: the inversions
 * are in the cache, so that a checkpoint costs seconds.
 *
 *     node --import tsx scripts/predict/measure.ts WORK
 */
import {readdir, mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {startChildMeasurer} from '../../src/measure/index.js';

const work = process.argv[2];
if (work === undefined) throw new Error('name the folder that finetune.py filled');
/** Of 16 images of each of six classes; all are taken. */
const PROBES = 96;
const readings = join(work, 'readings');
await mkdir(readings, {recursive: true});

for (const model of (await readdir(join(work, 'finetunes'))).sort()) {
  const measurer = startChildMeasurer({
    pretrained: join(work, 'models', model),
    probes: join(work, 'probes', model),
    probesMax: PROBES,
    pooling: 'cls',
  });
  try {
    await writeFile(join(readings, `${model}-baseline.json`), JSON.stringify(await measurer.baseline()));
    const lines: string[] = [];
    for (const run of (await readdir(join(work, 'finetunes', model))).sort()) {
      const steps = (await readdir(join(work, 'finetunes', model, run))).map(name =>
        Number(name.split('-')[1]),
      );
      const step = Math.min(...steps);
      const folder = join(work, 'finetunes', model, run, `checkpoint-${step}`);
      const moment = {step, epoch: null, time: Date.now(), logged: {}};
      lines.push(JSON.stringify({run, reading: await measurer.read({folder, moment, convergence: false})}));
      console.log(`${model} ${run}`);
    }
    await writeFile(join(readings, `${model}.jsonl`), `${lines.join('\n')}\n`);
  } finally {
    await measurer.close();
  }
}
