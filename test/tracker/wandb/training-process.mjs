// A small training, recorded by the bare SDK or by ours, the same otherwise: `by` says which. Arguments: one JSON object.
import {join} from 'node:path';
import wandb from '@wandb/sdk';
import {openJournal, wandbTracker} from '../../built.mjs';

const {
  by,
  root,
  info,
  ids,
  rows,
  pad = 0,
  values = [],
  steps = [],
  config = {},
  resumed = false,
  blockMs = 0,
  waitMs = 0,
  end,
  timing,
} = JSON.parse(process.argv[2]);
const special = {nan: NaN, infinity: Infinity, array: new Float32Array([1, 2]), bigint: 12n};
const listeners = () =>
  ['SIGINT', 'SIGTERM', 'beforeExit', 'exit'].map(name => process.listenerCount(name)).join();
const before = listeners();
const say = text => process.stdout.write(`${text}\n`);

const settled = Object.fromEntries(Object.entries(config).map(([key, name]) => [key, special[name] ?? name]));
const given = {row: 0, ...Object.fromEntries(values.map(name => [name, special[name]]))};
const rowOf = row =>
  pad > 0
    ? Object.fromEntries(Array.from({length: Math.ceil(pad / 100)}, (_, i) => [`${'k'.repeat(90)}${i}`, row]))
    : {};

async function bare(id) {
  try {
    const run = await wandb.init({...(id ? {id} : {}), config: settled, settings: {silent: true}});
    return {
      // What users of the SDK write: `wandb.log`, or with a step of their own.
      log: (row, step) =>
        ids.length > 1 ? wandb.log({...given, row, id}) : run.log({...given, row, ...rowOf(row)}, step),
      finish: () => run.finish(),
    };
  } catch {
    return {log() {}, finish() {}};
  }
}

async function ours(id) {
  const folder = join(root, id ?? 'run');
  const journal = openJournal(folder);
  const tracker = wandbTracker({timing, askKey: null, say: () => {}, ...(id ? {id} : {})});
  await journal.start({...info, id: id ?? 'run', config: settled}, {resumed});
  await tracker.start({...info, config: settled}, {resumed, folder});
  let next = resumed ? rows : 0;
  return {
    log(row, step = next++) {
      const numbers = Object.fromEntries(
        Object.entries(given).filter(([, value]) => typeof value === 'number'),
      );
      journal.event({
        type: 'logged',
        time: Date.now(),
        step,
        epoch: null,
        values: {...numbers, row, ...rowOf(row)},
      });
    },
    async finish() {
      journal.event({type: 'ended', time: Date.now(), state: 'finished'});
      await tracker.finish('finished');
      journal.finish('finished');
    },
  };
}

const open = by === 'ours' ? ours : bare;
const runs = [];
for (const id of ids) runs.push(await open(id));
const mine = {row: 7};
if (by === 'bare' && end === 'mutation') (await wandb.runPromise).log(mine);
for (let i = 0; i < rows; i++) for (const run of runs) run.log(resumed ? rows + i : i, steps[i]);
if (blockMs > 0) {
  say('blocked');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
}
say('ready');
if (waitMs > 0) await new Promise(resolve => setTimeout(resolve, waitMs));
if (end === 'exit') process.exit(3);
if (end === 'finish' || end === 'mutation') {
  for (const run of runs) {
    try {
      await run.finish();
    } catch {
      // Two runs in one process: the second has nothing to finish any more.
    }
  }
  say(`listeners ${before === listeners() ? 'as before' : 'left behind'}`);
}
if (end === 'mutation') say(`object ${Object.keys(mine).join() === 'row' ? 'as before' : 'changed'}`);
