import {spawn} from 'node:child_process';
import {mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {expect, it} from 'vitest';
import {openJournal, readRun} from '../../src/journal/index.js';
import {sampleInfo} from '../tracker/sample-run.js';

/** Runs a program that starts a journal and then does `body`; says how it ended and what the journal says. */
async function ended(body: string, signal?: NodeJS.Signals) {
  const folder = mkdtempSync(join(tmpdir(), 'exit-'));
  const program = join(folder, 'program.mjs');
  const library = pathToFileURL(join(process.cwd(), 'dist/journal/open-journal.js')).href;
  writeFileSync(
    program,
    `import {openJournal} from ${JSON.stringify(library)};
    const journal = openJournal(${JSON.stringify(join(folder, 'run-1'))});
    await journal.start(${JSON.stringify(sampleInfo())}, {resumed: false});
    ${body}`,
  );
  const child = spawn(process.execPath, [program], {stdio: ['ignore', 'pipe', 'ignore']});
  if (signal) child.stdout.once('data', () => child.kill(signal));
  const [code, by] = await new Promise<[number | null, string | null]>(resolve => {
    child.on('exit', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
  });
  const run = await readRun(join(folder, 'run-1'));
  const notices = run.events.flatMap(event => (event.type === 'notice' ? [event.code] : []));
  return {code, by, state: run.state, ...(notices.length > 0 && {notices})};
}

const waits = "console.log('ready'); setInterval(() => {}, 1000);";

it.each([
  ['SIGINT', {code: null, by: 'SIGINT', state: 'killed'}],
  ['SIGTERM', {code: null, by: 'SIGTERM', state: 'killed'}],
  ['SIGKILL', {code: null, by: 'SIGKILL', state: 'crashed'}],
] as const)('a run ends as it should on %s, and so does its process', async (signal, expected) => {
  expect(await ended(waits, signal)).toEqual(expected);
});

it.each([
  ['an uncaught error', "throw new Error('boom');", {code: 1, by: null, state: 'crashed'}],
  ['process.exit(3)', 'process.exit(3);', {code: 3, by: null, state: 'crashed'}],
  ['its last line', '', {code: 0, by: null, state: 'finished', notices: ['not_finished']}],
])('a run without finish() ends with %s', async (_, body, expected) => {
  expect(await ended(body)).toEqual(expected);
});

it('a program that handles a signal itself decides what becomes of the run', async () => {
  const body = `process.on('SIGINT', () => { journal.finish('finished'); process.exit(0); }); ${waits}`;
  expect(await ended(body, 'SIGINT')).toEqual({code: 0, by: null, state: 'finished'});
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  'a program that handles %s itself and exits with %i, as shells do, was killed',
  async (signal, code) => {
    const body = `process.on('${signal}', () => process.exit(${code})); ${waits}`;
    expect(await ended(body, signal)).toEqual({code, by: null, state: 'killed'});
  },
);

it('listeners are there from start to finish, one set for all journals', async () => {
  const names = ['exit', 'SIGINT', 'SIGTERM'] as const;
  const count = () => names.map(name => process.listenerCount(name));
  const before = count();
  const root = mkdtempSync(join(tmpdir(), 'exit-'));
  const journals = ['a', 'b'].map(id => openJournal(join(root, id)));
  for (const [i, journal] of journals.entries())
    await journal.start(sampleInfo(`run-${i}`), {resumed: false});
  expect(count()).toEqual(before.map(n => n + 1));
  for (const journal of journals) journal.finish('finished');
  expect(count()).toEqual(before);
});
