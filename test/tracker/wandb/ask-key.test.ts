import {execFileSync, spawn} from 'node:child_process';
import {existsSync, mkdtempSync, readdirSync, readFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {readRun} from '../../../src/journal/index.js';
import {readState} from '../../../src/tracker/wandb/delivery/state.js';
import {sampleInfo} from '../sample-run.js';
import {StandIn} from './stand-in.js';

const apiKey = 'k3y-that-is-typed';
let server: StandIn;
let folder: string;
beforeEach(async () => {
  server = await new StandIn({keys: [apiKey]}).up();
  folder = join(mkdtempSync(join(tmpdir(), 'ask-')), 'run-1');
});
afterEach(() => server.down());

function hasScript(): boolean {
  try {
    execFileSync('script', ['--version'], {stdio: 'ignore'});
    return true;
  } catch {
    return false;
  }
}

/** A training on a terminal, which `script` of util-linux lends. */
async function onTerminal() {
  const task = JSON.stringify({folder, info: sampleInfo(), baseUrl: server.url});
  const command = `exec '${process.execPath}' test/tracker/wandb/ask-process.mjs '${task.replaceAll("'", "'\\''")}'`;
  const terminal = spawn('script', ['-qefc', command, '/dev/null'], {
    env: {PATH: process.env.PATH},
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  terminal.stdout.on('data', chunk => (shown += String(chunk)));
  const ended = new Promise<number | null>(resolve => terminal.on('exit', resolve));
  await expect.poll(() => shown).toMatch(/API key from .*: [^]*training|training[^]*API key from/);
  return {
    ended,
    shown: () => shown,
    type: (text: string) => terminal.stdin.write(text),
    finish() {
      const {pid} = JSON.parse(readFileSync(join(folder, 'writer.json'), 'utf8')) as {pid: number};
      process.kill(pid, 'SIGUSR2');
    },
  };
}

describe.skipIf(!hasScript())('the prompt for a key, on a terminal that `script` lends,', () => {
  it('takes a key, shows nothing of it, and the run goes up', async () => {
    const terminal = await onTerminal();
    terminal.type(`wrong\u007f\u007f\u007f\u007f\u007f${apiKey}\r`);
    await expect.poll(() => server.store.runs.size).toBe(1);
    terminal.finish();
    expect(await terminal.ended).toBe(0);
    expect(terminal.shown()).not.toMatch(/wrong|k3y/);
    expect(server.store.only.state).toBe('finished');
    for (const name of readdirSync(folder)) {
      if (!name.startsWith('media')) expect(readFileSync(join(folder, name), 'utf8')).not.toContain(apiKey);
    }
  });

  it('holds up neither the training nor the end of its process, and leaves a run to sync', async () => {
    const terminal = await onTerminal();
    expect(readState(folder)!.settings.mode).toBe('offline');
    terminal.finish();
    expect(await terminal.ended).toBe(0);
    expect(terminal.shown()).toContain(`wandb-invariance sync ${folder}`);
    expect(server.requests).toEqual([]);
  });

  it('lets Ctrl-C end the process', async () => {
    const terminal = await onTerminal();
    terminal.type('\u0003');
    expect(await terminal.ended).not.toBe(0);
    expect((await readRun(folder)).state).toBe('killed');
    expect(existsSync(join(folder, 'wandb.json'))).toBe(true);
  });
});
