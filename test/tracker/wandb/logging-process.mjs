// A training process as W&B sees it: logs rows 0, 1, 2, … and readings, goes on where its journal stands, and may be
// killed at any moment. Arguments: one JSON object. The key is in WANDB_API_KEY.
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {openJournal, wandbTracker} from '../../built.mjs';

const {folder, info, baseline, reading, rows, pauseMs, back, timing} = JSON.parse(process.argv[2]);
const resumed = existsSync(join(folder, 'run.json'));
const journal = openJournal(folder);
const tracker = wandbTracker({timing, askKey: null, say: line => console.error(line)});
await journal.start(info, {resumed});
await tracker.start(info, {resumed, folder});

const before = await journal.readBack();
if (before.baseline === null) journal.event({type: 'baseline', time: info.created, baseline});
const last = Math.max(-1, ...before.events.flatMap(event => (event.type === 'logged' ? [event.step] : [])));
// From its checkpoint, which is some steps old.
const from = Math.max(0, last + 1 - back);
if (resumed) journal.event({type: 'resumed', time: info.created + from, step: from - 1});

for (let step = from; step < rows; step++) {
  journal.event({type: 'logged', time: info.created + step, step, epoch: null, values: {row: step}});
  if (step % 10 === 5) journal.reading({...reading, step, time: info.created + step});
  if (pauseMs > 0) await new Promise(resolve => setTimeout(resolve, pauseMs));
}
journal.event({type: 'ended', time: info.created + rows, state: 'finished'});
await tracker.finish('finished');
journal.finish('finished');
