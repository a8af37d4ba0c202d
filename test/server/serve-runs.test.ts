import {existsSync} from 'node:fs';
import {appendFile, mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {request} from 'node:http';
import {networkInterfaces, tmpdir} from 'node:os';
import {join} from 'node:path';
import {chromium} from 'playwright-core';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {serveRuns, type RunServer} from '../../src/server/index.js';
import {openJournal, type Journal} from '../../src/journal/index.js';
import type {RunInfo} from '../../src/types.js';
import {recordedRun} from '../render/recorded-run.js';

const run = recordedRun();
const browser = [process.env.CHROME_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  path => path !== undefined && existsSync(path),
);

let folder: string;
let server: RunServer;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'serve-')), 'runs');
  server = await serveRuns({folder, host: '127.0.0.1', port: 0});
});
afterEach(async () => {
  await server.close();
  await rm(join(folder, '..'), {recursive: true, force: true});
});

/** A run that goes on, with its first `readings` on record. */
async function start(
  id: string,
  {readings = 2, info = {}}: {readings?: number; info?: Partial<RunInfo>} = {},
) {
  const journal = openJournal(join(folder, id));
  await journal.start({...run.info, id, name: `run ${id}`, ...info}, {resumed: false});
  journal.event({type: 'baseline', time: 1, baseline: run.baseline});
  for (const reading of run.readings.slice(0, readings)) journal.reading(reading);
  return journal;
}

const get = (path: string): Promise<Response> => fetch(server.url + path);

describe('the JSON of the runs', () => {
  it('lists the runs with their state and last reading', async () => {
    const journal = await start('a');
    journal.finish('finished');
    const runs = (await (await get('/api/runs')).json()) as unknown[];
    expect(runs).toMatchObject([{info: {id: 'a'}, state: 'finished', readings: 2, last: {step: 25}}]);
  });

  it('gives a whole run, and 404 for one that is not there or lies outside the folder', async () => {
    (await start('a')).finish('finished');
    (await start('../outside')).finish('finished');
    const body = (await (await get('/api/runs/a')).json()) as {readings: unknown[]; baseline: unknown};
    expect(body.readings).toHaveLength(2);
    expect(body.baseline).toEqual(JSON.parse(JSON.stringify(run.baseline)));
    expect((await get('/api/runs/b')).status).toBe(404);
    for (const place of ['/api/runs/', '/runs/', '/api/compare?a=a&b='])
      expect((await get(place + encodeURIComponent('../outside'))).status).toBe(404);
  });

  it('marks a run that cannot be read, and shows the others', async () => {
    (await start('a')).finish('finished');
    await mkdir(join(folder, 'b'));
    await writeFile(join(folder, 'b', 'run.json'), '{"format": 2, "id": "<b>"}');
    const list = await get('/api/runs');
    expect([list.status, await list.json()]).toMatchObject([
      200,
      [
        {status: 'read', info: {id: 'a'}},
        {status: 'unreadable', name: 'b', problem: expect.stringContaining('describes no run: name: ')},
      ],
    ]);
    const page = await get('/');
    expect([page.status, await page.text()]).toEqual([
      200,
      expect.stringMatching(
        /run a<\/a>[\s\S]*unreadable<\/td>\s*<td class="words" colspan="4">.*describes no run/,
      ),
    ]);
    for (const path of ['/runs/b', '/api/runs/b', '/api/runs/b/live', '/api/compare?a=a&b=b']) {
      const answer = await get(path);
      expect([path, answer.status, await answer.text()]).toEqual([
        path,
        422,
        expect.stringContaining('run.json describes no run: name: '),
      ]);
    }
  });

  it('says on the page, in the list and in JSON which lines of a journal are left out', async () => {
    (await start('a')).finish('finished');
    await appendFile(join(folder, 'a', 'journal.jsonl'), '<xx>\n');
    expect(await (await get('/')).text()).toContain('finished, not whole');
    const left =
      /This run is not whole: some of its journal is left out: journal\.jsonl line \d+ is not JSON\./;
    expect(await (await get('/runs/a')).text()).toMatch(left);
    expect(await (await get('/api/runs/a')).json()).toMatchObject({
      problems: [expect.stringMatching(/^journal.jsonl line \d+ is not JSON$/)],
    });
  });

  it('says of a run whose process died what the list says, on its page too', async () => {
    await start('a');
    const path = join(folder, 'a', 'writer.json');
    const writer = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({...writer, pid: 2 ** 22 + 1}));
    expect(await (await get('/api/runs')).json()).toMatchObject([{state: 'crashed'}]);
    expect(await (await get('/runs/a')).text()).toContain('· crashed ·');
  });

  it('compares two runs, and answers 409 with the reason where their fingerprints differ', async () => {
    (await start('a')).finish('finished');
    (await start('b', {readings: 6})).finish('finished');
    const other = {...run.info.fingerprint, id: 'other', probes: 'others'};
    (await start('c', {info: {fingerprint: other}})).finish('finished');
    const compared = (await (await get('/api/compare?a=a&b=b')).json()) as {layers: {difference: number}[]};
    expect(compared.layers.at(-1)!.difference).toBeLessThan(0);
    const refused = await get('/api/compare?a=a&b=c');
    expect(refused.status).toBe(409);
    expect(((await refused.json()) as {error: string}).error).toContain('different probe images');
    expect((await get('/api/compare?a=a')).status).toBe(400);
    for (const step of ['soon', '1,2,3', '1,then'])
      expect((await get(`/api/compare?a=a&b=b&step=${step}`)).status).toBe(400);
    const steps = (await (await get('/api/compare?a=b&b=b&step=25,100')).json()) as {
      a: {step: number};
      b: {step: number};
    };
    expect([steps.a.step, steps.b.step]).toEqual([25, 100]);
  });

  it('tells of each new reading while the run goes on, and stops when it has ended', async () => {
    const journal = await start('a', {readings: 1});
    const stream = (await get('/api/runs/a/live')).body!.pipeThrough(new TextDecoderStream());
    const told: string[] = [];
    for await (const text of stream) {
      told.push(...[...text.matchAll(/^data: (.*)$/gm)].map(match => match[1]!));
      if (told.length === 1) journal.reading(run.readings[1]!);
      if (told.length === 2) journal.finish('finished');
    }
    expect(told.map(data => JSON.parse(data) as unknown)).toEqual([
      {readings: 1, state: 'running'},
      {readings: 2, state: 'running'},
      {readings: 2, state: 'finished'},
    ]);
  });

  it('does not answer for other host names, which a web page could point here', async () => {
    const {port} = new URL(server.url);
    const status = await new Promise(resolve =>
      request({host: '127.0.0.1', port, path: '/api/runs', headers: {host: 'evil.example'}}, answer =>
        resolve(answer.statusCode),
      ).end(),
    );
    expect(status).toBe(403);
  });

  it.skipIf(
    !Object.values(networkInterfaces())
      .flat()
      .some(each => each?.address === '::1'),
  )('answers in IPv6 at the address it tells', async () => {
    (await start('a')).finish('finished');
    const {url, close} = await serveRuns({folder, host: '::1', port: 0});
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(await (await fetch(`${url}/api/runs`)).json()).toMatchObject([{info: {id: 'a'}}]);
    await close();
  });

  it('says that a port is taken', async () => {
    const port = Number(new URL(server.url).port);
    await expect(serveRuns({folder, host: '127.0.0.1', port})).rejects.toThrow(`port ${port} is taken`);
  });
});

describe.skipIf(browser === undefined)('the page, in a browser', () => {
  it('lists the runs, opens a report, and shows a new reading without being asked', async () => {
    const journal: Journal = await start('a', {readings: 2});
    const chrome = await chromium.launch({executablePath: browser!, args: ['--no-sandbox']});
    try {
      const page = await chrome.newPage();
      await page.goto(server.url);
      expect(await page.locator('tbody tr').allInnerTexts()).toEqual([expect.stringContaining('running')]);
      await page.setViewportSize({width: 320, height: 700});
      const beyond = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(beyond, 'sideways scroll of the page on a telephone').toBe(0);
      await page.getByRole('link', {name: 'run a'}).click();
      await page.getByText('2 readings').first().waitFor();
      journal.reading(run.readings[2]!);
      await page.getByText('3 readings').first().waitFor();
      let requests = 0;
      // A reading that comes between the page and its first news of the run.
      await page.route('**/live', async route => {
        if (requests++ === 0) journal.reading(run.readings[3]!);
        await route.continue();
      });
      await page.reload();
      await page.getByText('4 readings').first().waitFor();
      await page.getByRole('link', {name: 'All runs'}).click();
      await page.getByRole('heading', {name: 'Invariance runs'}).waitFor();
    } finally {
      await chrome.close();
      journal.finish('finished');
    }
  });
});
