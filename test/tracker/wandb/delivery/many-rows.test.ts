import {spawn} from 'node:child_process';
import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {openJournal} from '../../../../src/journal/index.js';
import {sampleInfo} from '../../sample-run.js';
import {quickTiming} from '../quick-timing.js';
import {StandIn} from '../stand-in.js';

const rows = 100_000;
/** What the uploading process may take, whatever the length of the run; docs/wandb.md says it too. */
const boundMiB = 300;

it(
  `${rows} rows in one run all arrive, once and in order, in less than ${boundMiB} MiB`,
  {timeout: 300_000},
  async () => {
    const server = await new StandIn().up();
    const root = mkdtempSync(join(tmpdir(), 'many-'));
    const folder = join(root, 'run-1');
    const journal = openJournal(folder);
    await journal.start(sampleInfo(), {resumed: false});
    const names = Array.from({length: 20}, (_, i) => `train/some/longer/name/of/a/value/${i}`);
    for (let step = 0; step < rows; step++) {
      const values = Object.fromEntries(names.map((name, i) => [name, step / (i + 1)]));
      journal.event({type: 'logged', time: sampleInfo().created + step, step, epoch: null, values});
    }
    journal.finish('finished');

    const timing = JSON.stringify({...quickTiming, requestMs: 30_000});
    const child = spawn(process.execPath, ['test/tracker/wandb/sync-process.mjs', folder, timing], {
      env: {PATH: process.env.PATH, HOME: root, WANDB_API_KEY: 'k', WANDB_BASE_URL: server.url},
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', chunk => (output += String(chunk)));
    await new Promise(resolve => child.on('exit', resolve));
    const {history, state, overwritten} = server.store.only;
    await server.down();

    const {peakMiB, ...result} = JSON.parse(output) as {peakMiB: number; rows: number};
    expect(result).toMatchObject({status: 'synced', rows});
    expect(history).toHaveLength(rows);
    expect(
      history.every(
        (line, i) => line.includes(`"train/global_step":${i},`) && line.includes(`"_step":${i}}`),
      ),
    ).toBe(true);
    expect([state, overwritten]).toEqual(['finished', []]);
    const bytes = history.reduce((sum, line) => sum + line.length, 0);
    expect(bytes / 2 ** 20).toBeGreaterThan(50);
    expect(Math.max(...server.requests.map(request => request.bytes))).toBeLessThan(10 * 2 ** 20);
    expect(peakMiB).toBeLessThan(boundMiB);
    console.log(`peak ${peakMiB.toFixed(0)} MiB for ${(bytes / 2 ** 20).toFixed(0)} MiB of rows`);
  },
);
