import {appendFile, cp, mkdtemp, readFile, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {RenderedRun} from '../../src/render/index.js';
import {openJournal} from '../../src/journal/index.js';
import {halfPace, recordedRun} from '../render/recorded-run.js';
import {marksOf} from '../render/pictures.js';
import {run} from './run.js';

let scratch: string;
const folders: string[] = [];

async function journalOf({info, events, readings}: RenderedRun): Promise<string> {
  const folder = join(scratch, info.id);
  const journal = openJournal(folder);
  await journal.start(info, {resumed: false});
  for (const event of events.filter(({type}) => type === 'baseline')) journal.event(event);
  for (const reading of readings) journal.reading(reading);
  journal.finish('finished');
  return folder;
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'compare-'));
  for (const recorded of [recordedRun(), halfPace(recordedRun())]) folders.push(await journalOf(recorded));
});
afterAll(() => rm(scratch, {recursive: true}));

describe('compare', () => {
  it('leaves a picture of the difference, and says where, when asked by --out', async () => {
    const out = join(scratch, 'pictures');
    const {code, stdout, stderr} = await run(['compare', ...folders, '--out', out]);
    expect(code, stderr).toBe(0);
    expect(await readdir(out)).toEqual(['two-run-difference.png', 'two-run-difference.svg']);
    expect(stdout).toContain(join(out, 'two-run-difference.svg'));
    expect(marksOf(await readFile(join(out, 'two-run-difference.svg'), 'utf8'))).toHaveLength(35);
  });

  it('prints nothing but JSON with --json, and draws all the same', async () => {
    const out = join(scratch, 'json');
    const {stdout} = await run(['compare', ...folders, '--out', out, '--json']);
    expect(JSON.parse(stdout).layers).toHaveLength(7);
    expect(await readdir(out)).toHaveLength(2);
  });

  it('says which lines of a journal it left out, beside its result', async () => {
    const [first, second] = folders as [string, string];
    const damaged = join(scratch, 'damaged');
    await cp(second, damaged, {recursive: true});
    await appendFile(join(damaged, 'journal.jsonl'), '{"half\n');
    const {code, stdout, stderr} = await run(['compare', first, damaged, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).layers).toHaveLength(7);
    expect(stderr).toMatch(/some of its journal is left out: journal\.jsonl line \d+ is not JSON/);
  });
});
