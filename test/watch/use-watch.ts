import {mkdtempSync, readdirSync, statSync, utimesSync} from 'node:fs';
import {cp, mkdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach} from 'vitest';
import {inversionOptions} from '../../src/inversion/index.js';
import {startChildMeasurer, type ChildMeasurer} from '../../src/measure/index.js';
import {watchFolder, type WatchOptions, type WatchSummary} from '../../src/watch/index.js';
import {readRun} from '../../src/journal/index.js';
import {seededRandom} from '../../src/random.js';
import type {Images} from '../../src/types.js';
import {writeCheckpoint} from './checkpoint-writer.js';
import {tinyVit} from '../measure/tiny-vit.js';

export const probesOf = (count: number): Images => {
  const random = seededRandom(7);
  const data = Float32Array.from({length: count * 3 * 12 * 12}, () => random.uniform());
  return {count, channels: 3, height: 12, width: 12, data};
};

/** A real measuring process for a file of tests, and for each test a folder to watch. */
export function useWatch() {
  let measurer: ChildMeasurer;
  let scratch: string;
  beforeAll(() => {
    measurer = startChildMeasurer({
      pretrained: tinyVit,
      probes: probesOf(12),
      inversion: inversionOptions({steps: 10}),
      cache: null,
    });
  });
  afterAll(() => measurer.close());
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'watch-'));
  });
  afterEach(() => rm(scratch, {recursive: true, force: true}));

  return {
    get measurer() {
      return measurer;
    },
    get scratch() {
      return scratch;
    },
    /** The training's; not there at first. */
    get folder() {
      return join(scratch, 'out');
    },
    watch: (options: Partial<WatchOptions> = {}): Promise<WatchSummary> =>
      watchFolder({
        folder: join(scratch, 'out'),
        measurer,
        pretrained: tinyVit,
        dir: join(scratch, 'runs'),
        poll: 0.05,
        ...options,
      }),
  };
}

export const stepsOf = async (run: {folder: string}) =>
  (await readRun(run.folder)).readings.map(({step}) => step);

/** What the watch has said in the record, by code. */
export async function noticesOf(run: {folder: string}, code: string): Promise<string[]> {
  const {events} = await readRun(run.folder);
  return events.flatMap(event => (event.type === 'notice' && event.code === code ? [event.message] : []));
}

/** Files that were written so many seconds ago, all at once. */
export function age(path: string, seconds: number): void {
  const then = new Date(Date.now() - seconds * 1000);
  if (!statSync(path).isDirectory()) return utimesSync(path, then, then);
  for (const name of readdirSync(path, {recursive: true, encoding: 'utf8'}))
    utimesSync(join(path, name), then, then);
}

/** Weights of a finetune in one file that says no step, written `seconds` ago. */
export async function writeFile(
  path: string,
  {amount, seconds}: {amount: number; seconds: number},
): Promise<void> {
  const from = await writeCheckpoint(join(dirname(path), '.from'), 10, {amount});
  await mkdir(dirname(path), {recursive: true});
  await cp(join(from, 'model.safetensors'), path);
  age(path, seconds);
}

/** A checkpoint folder of another name and without `trainer_state.json`, written a minute ago. */
export async function writeFolder(path: string, {amount}: {amount: number}): Promise<void> {
  const from = await writeCheckpoint(join(dirname(path), '.from'), 10, {amount});
  await rm(join(from, 'trainer_state.json'));
  await cp(from, path, {recursive: true});
  age(path, 60);
}
