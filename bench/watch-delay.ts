// Seconds from the start of a run to its first reading of a checkpoint, with an empty cache and again for a second
// finetune of the same model; then from "checkpoint complete" to "reading in the journal", watching a folder that copies
// of one checkpoint are put into. All at the size of the model in PRETRAINED.
//
//   node --import tsx bench/watch-delay.ts PRETRAINED CHECKPOINT PROBES [EVALUATIONS]
//
// EVALUATIONS of the gradient an image; fewer than the default 50 shorten the first start only.
import {cpSync, mkdtempSync, renameSync, rmSync, statSync, watch} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {inversionOptions} from '../src/inversion/index.js';
import {startChildMeasurer} from '../src/measure/index.js';
import {watchFolder, WATCH_DEFAULTS} from '../src/watch/index.js';
import {runFiles} from '../src/journal/index.js';

const [pretrained = '', checkpoint = '', probes = '', evaluations] = process.argv.slice(2);
if (probes === '') {
  console.error('usage: watch-delay.ts PRETRAINED CHECKPOINT PROBES [EVALUATIONS]');
  process.exit(2);
}
const COUNT = 5;
const scratch = mkdtempSync(join(tmpdir(), 'watch-delay-'));
const out = join(scratch, 'out');
cpSync(checkpoint, join(scratch, 'copy'), {
  recursive: true,
  filter: path => !path.endsWith('trainer_state.json'),
});
const cache = join(scratch, 'cache');
const inversion = inversionOptions({steps: Number(evaluations ?? 50)});

async function secondsToReading(run: string): Promise<number> {
  const from = performance.now();
  const measurer = startChildMeasurer({pretrained, probes, cache, inversion});
  const folder = join(scratch, run);
  cpSync(join(scratch, 'copy'), join(folder, 'checkpoint-1'), {recursive: true});
  await watchFolder({folder, measurer, pretrained, dir: join(scratch, 'starts'), until: 'once', poll: 0.1});
  await measurer.close();
  return (performance.now() - from) / 1000;
}

const first = await secondsToReading('first');
const second = await secondsToReading('second');
console.log(
  `start to reading and report: ${first.toFixed(0)} s with an empty cache, ${second.toFixed(0)} s for a second finetune`,
);

const measurer = startChildMeasurer({pretrained, probes, cache, inversion});
const stop = new AbortController();
const runs = join(scratch, 'runs');
const watched = watchFolder({
  folder: out,
  measurer,
  pretrained,
  dir: runs,
  run: 'delay',
  until: 'idle',
  signal: stop.signal,
});
const journal = join(runs, 'delay', runFiles.journal);
await measurer.baseline();
while (!statSync(journal, {throwIfNoEntry: false})?.size) await sleep(100);

const delays: number[] = [];
for (let step = 1; step <= COUNT; step++) {
  cpSync(join(scratch, 'copy'), join(out, `.half-${step}`), {recursive: true});
  const before = statSync(journal).size;
  const written = new Promise<void>(resolve => {
    const watcher = watch(journal, () => {
      if (statSync(journal).size === before) return;
      watcher.close();
      resolve();
    });
  });
  const from = performance.now();
  renameSync(join(out, `.half-${step}`), join(out, `checkpoint-${step}`));
  await written;
  delays.push((performance.now() - from) / 1000);
}
stop.abort();
await watched;
await measurer.close();
rmSync(scratch, {recursive: true});
delays.sort((a, b) => a - b);
console.log(
  `checkpoint complete to reading in the journal: median ${delays[COUNT >> 1]!.toFixed(2)} s of ${COUNT}, ` +
    `most ${delays.at(-1)!.toFixed(2)} s; of it up to ${WATCH_DEFAULTS.poll} s between looks`,
);
