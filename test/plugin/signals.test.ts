import {spawn} from 'node:child_process';
import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {describe, expect, it} from 'vitest';
import {readRun} from '../../src/journal/index.js';

/** Starts a training, sends it a signal once it runs, and says how it ended. */
async function interrupted(signal: NodeJS.Signals, ...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'signals-'));
  const child = spawn(process.execPath, ['test/plugin/interrupted-training.mjs', folder, ...args], {
    env: {...process.env, XDG_CACHE_HOME: folder},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<[number | null, string | null]>(resolve =>
    child.on('close', (...how) => resolve(how)),
  );
  let run = '';
  for await (const line of createInterface({input: child.stdout})) {
    run = line;
    child.kill(signal);
  }
  const [code, by] = await ended;
  return {code, by, run: await readRun(run)};
}

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s ends the run as killed, and then the process', async signal => {
    const {by, run} = await interrupted(signal);
    expect(by).toBe(signal);
    expect(run.state).toBe('killed');
  });

  it('that the program listens to is left to it', async () => {
    const {code, run} = await interrupted('SIGTERM', 'own');
    expect(code).toBe(0);
    expect(run.state).toBe('finished');
    expect(run.readings.length).toBeGreaterThanOrEqual(2);
  });
});
