import {spawn} from 'node:child_process';
import {mkdtempSync, readdirSync, readFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {beforeAll, describe, expect, it} from 'vitest';
import {journalRecords, readRun} from '../../src/journal/index.js';

const cache = mkdtempSync(join(tmpdir(), 'cache-'));

/** Trains in a process of its own, and kills it without warning after a step. @returns the folder of its run */
async function train(folder: string, {killAfter = Infinity}: {killAfter?: number} = {}): Promise<string> {
  const child = spawn(process.execPath, ['test/plugin/resumable-training.mjs', folder], {
    env: {...process.env, XDG_CACHE_HOME: cache},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>(resolve => child.on('close', resolve));
  let run = '';
  for await (const line of createInterface({input: child.stdout})) {
    if (run === '') run = line;
    else if (Number(line.split(' ')[1]) >= killAfter) child.kill('SIGKILL');
  }
  expect(await ended).toBe(killAfter === Infinity ? 0 : null);
  return run;
}

/** Steps of the readings in the journal, line by line, without those that the resume superseded. */
async function inForce(run: string): Promise<number[]> {
  let steps: number[] = [];
  for (const one of journalRecords(run)) {
    if (one.kind === 'reading') steps.push(one.reading.step);
    else if (one.event.type === 'resumed') {
      const {step: from} = one.event;
      steps = steps.filter(step => step <= from);
    }
  }
  return steps;
}

const PLANNED = Array.from({length: 13}, (_, i) => 5 * i);

describe('a training that was killed', {timeout: 240_000}, () => {
  let whole: {folder: string; run: string};
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'whole-'));
    whole = {folder, run: await train(folder)};
  }, 240_000);

  it.each([0, 1])('goes on in the same run as if nothing had happened (%#)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'resumed-'));
    const killAfter = 8 + Math.floor(Math.random() * 50);
    const killed = await train(folder, {killAfter});
    const resumed = await train(folder);
    const what = `killed after step ${killAfter}`;
    expect([what, resumed]).toEqual([what, killed]);

    const run = await readRun(resumed);
    const reference = await readRun(whole.run);
    expect([what, run.state, run.problems]).toEqual([what, 'finished', []]);
    expect([what, run.readings.map(({step}) => step)]).toEqual([what, PLANNED]);
    expect([what, await inForce(resumed)]).toEqual([what, PLANNED]);
    expect(run.readings.map(({retention}) => retention)).toEqual(
      reference.readings.map(({retention}) => retention),
    );
    const logged = ({events}: typeof run) =>
      events.flatMap(event => (event.type === 'logged' ? [[event.step, event.values.loss]] : []));
    expect(logged(run)).toEqual(logged(reference));
    expect(logged(run).map(([step]) => step)).toEqual([10, 20, 30, 40, 50, 60]);

    const weights = (of: string) => readFileSync(join(of, 'final/model.safetensors')).toString('base64');
    expect(weights(folder) === weights(whole.folder)).toBe(true);
    const checkpoints = (of: string) => readdirSync(join(of, 'checkpoints')).sort();
    expect(checkpoints(folder)).toEqual(checkpoints(whole.folder));
  });

  it('keeps in its files what the killed process recorded', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'resumed-'));
    const killed = await train(folder, {killAfter: 33});
    const left = [...journalRecords(killed)];
    expect(left.length).toBeGreaterThan(1);
    const records = [...journalRecords(await train(folder))];
    expect(records.slice(0, left.length)).toEqual(left);
    expect(records[left.length]).toMatchObject({event: {type: 'resumed', step: 28}});
  });
});
