import {appendFile, cp, mkdtemp, readFile, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Comparison} from '../../src/compare/index.js';
import type {RenderedRun} from '../../src/render/index.js';
import {openJournal} from '../../src/journal/index.js';
import {withHalves} from '../render/half-samples.js';
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

  it('says what is clear by pairs, at 5 % for all layers together, and what that does not say', async () => {
    const recorded = withHalves(recordedRun(), {own: 0.002});
    const folder = await journalOf({...recorded, info: {...recorded.info, id: 'paired'}});
    const {stdout, stderr} = await run(['compare', folder, '--step', '200,400']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/six classes to four \(step 200\).*\(step 400\) +second − first +the same of R/);
    expect(stdout).toMatch(
      /^block_05 +0\.\d\d \[.*\] +[+-]\d\.\d\d \[[+-].*\] +[+-]\d\.\d{3} \[[+-].*\] +clear$/m,
    );
    expect(stdout).toMatch(/^mean .*[+-]\d\.\d\d \[[+-]/m);
    expect(stdout).toContain('clear (Holm, 7 layers): R differs on the same probe images');
    expect(stdout).toContain('of other training seeds this says nothing');
    const json = await run(['compare', folder, folder, '--step', '200,400', '--json']);
    const {layers} = JSON.parse(json.stdout) as Comparison;
    const words = stdout.match(/^\w+ .*clear$/gm)!.map(line => !line.endsWith('not clear'));
    expect(words.slice(0, 7)).toEqual(layers.map(({clear}) => clear));
  });

  it('says of runs that were recorded before that only their intervals could be looked at', async () => {
    const {stdout} = await run(['compare', ...folders]);
    expect(stdout).toMatch(/intervals over probe images do not overlap\. recorded before/);
    expect(stdout).not.toContain('Holm');
  });

  it.each([
    [[], 'name another run, or two steps of this one'],
    [['--step', '100'], 'name another run, or two steps of this one'],
    [['--step', '1,2,3'], 'give one step, or two'],
    [['--step', '25,400', '--out', 'pictures'], '--out draws the difference of two runs'],
  ])('refuses one run with %j', async (options, words) => {
    const {code, stderr} = await run(['compare', folders[0]!, ...options]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  });
});
