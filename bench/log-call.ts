/**
 * What logging a row costs the training thread: the median of one journal call, beside `fs.appendFileSync` and
 * `fs.appendFile` of the same bytes in the same run. The W&B tracker itself costs nothing there: it reads the journal
 * from a process of its own.
 *
 *     node --import tsx bench/log-call.ts [ROWS]
 */
import {appendFileSync, mkdtempSync, rmSync} from 'node:fs';
import {appendFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {openJournal} from '../src/journal/index.js';
import type {RunEvent} from '../src/types.js';
import {sampleInfo} from '../test/tracker/sample-run.js';

const rows = Number(process.argv[2] ?? 20_000);
const root = mkdtempSync(join(tmpdir(), 'log-call-'));

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

const journal = openJournal(join(root, 'run'));
await journal.start(sampleInfo(), {resumed: false});
const event = (step: number): RunEvent => ({
  type: 'logged',
  time: Date.now(),
  step,
  epoch: step / 100,
  values: {'train/loss': Math.random(), 'train/accuracy': Math.random(), lr: 1e-4},
});

const times: Record<'log call' | 'appendFileSync' | 'appendFile', number[]> = {
  'log call': [],
  appendFileSync: [],
  appendFile: [],
};
// Turn by turn, so that whatever else the machine does falls on all of them alike.
for (let step = 0; step < rows; step++) {
  const record = event(step);
  const line = `${JSON.stringify({seq: step, ...record})}\n`;
  let start = performance.now();
  journal.event(record);
  times['log call'].push(performance.now() - start);
  start = performance.now();
  appendFileSync(join(root, 'sync.jsonl'), line);
  times.appendFileSync.push(performance.now() - start);
  start = performance.now();
  await appendFile(join(root, 'async.jsonl'), line);
  times.appendFile.push(performance.now() - start);
}
journal.finish('finished');
rmSync(root, {recursive: true});

const log = median(times['log call']);
for (const [name, all] of Object.entries(times)) {
  const value = median(all);
  console.log(
    `${name.padEnd(15)} ${(value * 1000).toFixed(1).padStart(7)} µs   log call / this: ${(log / value).toFixed(2)}`,
  );
}
