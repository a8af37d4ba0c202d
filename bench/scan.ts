// Milliseconds that one look into a training folder takes, among 10,000 other files and among 10,000 pickles of features,
// which look like checkpoints; the first look, and those after it, which every watch does each few seconds.
//
//   npm run bench -- scan [FILES]
import {cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {findCheckpoints, findTrainings, type CheckpointMemory} from '../src/models/index.js';

const files = Number(process.argv[2] ?? 10_000);
const scratch = mkdtempSync(join(tmpdir(), 'scan-'));
for (const ending of ['png', 'pt']) {
  const folder = join(scratch, ending);
  mkdirSync(folder);
  for (let i = 0; i < files; i++) writeFileSync(join(folder, `features-${i}.${ending}`), '');
  for (let step = 1; step <= 10; step++)
    cpSync('test/fixtures/weights/whole', join(folder, `checkpoint-${step}`), {recursive: true});
  const memory: CheckpointMemory = new Map();
  const looks: number[] = [];
  for (let i = 0; i < 11; i++) {
    const from = performance.now();
    await findCheckpoints(folder, {memory, now: () => Date.now() + 60_000});
    await findTrainings(folder);
    looks.push(performance.now() - from);
  }
  const [first, ...later] = looks as [number, ...number[]];
  const median = later.sort((a, b) => a - b)[later.length >> 1]!;
  console.log(
    `10 checkpoints among ${files} files .${ending}: first look ${first.toFixed(0)} ms, then ${median.toFixed(0)} ms`,
  );
}
rmSync(scratch, {recursive: true});
