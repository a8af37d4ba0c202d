import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, describe, expect, it} from 'vitest';
import {renderReport} from '../../src/render/index.js';
import {ridgeSentence} from '../../src/render/ridge.js';
import type {Score} from '../../src/types.js';
import {recordedRun} from './recorded-run.js';

const folder = mkdtempSync(join(tmpdir(), 'invariance-ridge-'));
afterAll(() => rmSync(folder, {recursive: true}));

const scored = (value: number, low: number, high: number): Score => ({status: 'scored', value, low, high});
const layers = ['block_00', 'block_01', 'norm'];
const before = {accuracy: [0.25, 0.5, 0.75], chance: 0.125};

describe('the sentence of a ridge probe', () => {
  it('names the layers whose interval excludes 0, and no others', () => {
    const change = [scored(-0.1, -0.2, 0.01), scored(-0.25, -0.4, -0.1), scored(0.125, 0.05, 0.2)];
    expect(ridgeSentence(layers, before, {accuracy: [0.15, 0.25, 0.875], change})).toBe(
      'A probe fitted anew tells these classes less well in block_01 (0.50 → 0.25) and better in norm (0.75 → 0.88); ' +
        'elsewhere the interval holds 0. Chance is 0.13.',
    );
  });

  it('claims nothing where every interval holds 0 or the change is withheld', () => {
    const change: Score[] = [
      scored(-0.1, -0.2, 0.01),
      {status: 'withheld', reason: 'constant'},
      scored(0, 0, 0),
    ];
    expect(ridgeSentence(layers, before, {accuracy: [0.15, null, 0.75], change})).toBe(
      'In no layer does the accuracy of a probe fitted anew change by more than its interval. Chance is 0.13.',
    );
  });
});

describe('the report', () => {
  it('has a table of ridge probes where there are labels, and nothing of them elsewhere', async () => {
    const run = recordedRun();
    const bare = await renderReport(run, join(folder, 'bare'));
    expect(readFileSync(bare.report, 'utf8')).not.toContain('Ridge probes');
    const last = run.readings.at(-1)!;
    const each = <T>(value: T) => last.layers.map(() => value);
    const labelled = {
      ...run,
      baseline: {
        ...run.baseline,
        ridge: [{labels: 'class folders', classes: 8, chance: 0.125, accuracy: each(0.5)}],
      },
      readings: [
        ...run.readings.slice(0, -1),
        {
          ...last,
          ridge: [
            {
              labels: 'class folders',
              accuracy: each(0.25),
              change: each(scored(-0.25, -0.375, -0.125)),
              kept: each<Score>({status: 'withheld', reason: 'too large'}),
            },
          ],
        },
      ],
    };
    const {report} = await renderReport(labelled, join(folder, 'labelled'));
    const page = readFileSync(report, 'utf8')
      .replace(/\s+/g, ' ')
      .replace(/ ?([<>]) ?/g, '$1');
    expect(page).toContain('Labels: class folders, 8 classes</h3>');
    expect(page).toContain(
      '<th scope="row">block_00</th><td>0.50</td><td>0.25</td><td>−0.25</td><td>−0.38 to −0.13</td>' +
        '<td colspan="2" class="withheld" title="too large">withheld</td>',
    );
  });
});
