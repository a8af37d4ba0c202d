import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {chromium, type Browser} from 'playwright-core';
import sharp from 'sharp';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {drawPng, renderReport, type RenderedRun} from '../../src/render/index.js';
import {narrowRun, ofBefore, recordedRun, syntheticRun, withScratch} from './recorded-run.js';

const folder = mkdtempSync(join(tmpdir(), 'invariance-report-'));
afterAll(() => rmSync(folder, {recursive: true}));

describe('renderReport', () => {
  it('writes the page and each picture as SVG and PNG, and leaves nothing half-written', async () => {
    const {report, media} = await renderReport(recordedRun(), join(folder, 'run'));
    expect(report).toBe(join(folder, 'run', 'report.html'));
    expect(readdirSync(join(folder, 'run')).toSorted()).toEqual(['media', 'report.html']);
    expect(readdirSync(join(folder, 'run', 'media')).toSorted()).toEqual(
      media.map(path => path.split('/').at(-1)!).toSorted(),
    );
    expect(media).toHaveLength(18);
    for (const path of media.filter(path => path.endsWith('.png'))) {
      const {width, height} = await sharp(path).metadata();
      expect(width).toBeGreaterThan(400);
      expect(height).toBeGreaterThan(300);
    }
  });

  it('holds the numbers of the last reading, its gates, cost and fingerprint', async () => {
    const run = recordedRun({threshold: 0.05});
    const {report} = await renderReport(run, join(folder, 'strict'));
    const page = readFileSync(report, 'utf8')
      .replace(/\s+/g, ' ')
      .replace(/ ?([<>]) ?/g, '$1');
    expect(page).toContain('<th scope="row">norm</th><td>0.724</td><td>0.701 to 0.747</td>');
    expect(page).toContain('title="inversion not converged: fvu 0.063 is not under 0.05">withheld</td>');
    expect(page).toContain('<strong>block_01</strong>, 6 of 6 readings: inversion not converged: fvu 0.063');
    for (const words of [
      'b7f1c2d9',
      '148.0 s, 1,088 forward images',
      'preset stir, steps 100',
      'learningRate 0.001',
    ]) {
      expect(page).toContain(words);
    }
  });

  it('hatches every number that rests on inverted images which are not good enough', async () => {
    const {report} = await renderReport(recordedRun({threshold: 0.05}), join(folder, 'strict'));
    const [table] = /<tbody>[\s\S]*?<\/tbody>/.exec(readFileSync(report, 'utf8'))!;
    const rowOf = (layer: string) => new RegExp(`>${layer}</th>([\\s\\S]*?)</tr>`).exec(table)![1]!;
    const hatched = (row: string) => row.match(/class="withheld" title="inversion not converged: fvu/g) ?? [];
    // Score, R and its interval, floor, ceiling and forgotten, but not the drift or the weights.
    expect(hatched(rowOf('block_01'))).toHaveLength(6);
    expect(hatched(rowOf('norm'))).toHaveLength(0);
  });

  const textOf = (page: string) =>
    page
      .replace(/<style>[\s\S]*?<\/style>|<svg[\s\S]*?<\/svg>/g, '')
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ');
  const pageOf = async (run: RenderedRun, name: string) =>
    readFileSync((await renderReport(run, join(folder, name))).report, 'utf8');

  it('shows R of each layer between floor, scratch control and ceiling, with or without a score', async () => {
    const words = textOf(await pageOf(withScratch(recordedRun()), 'marks'));
    expect(words).toContain('R 95 % interval of R floor N ± spread from scratch ceiling W0');
    expect(words).toContain('norm 0.724 0.701 to 0.747 0.760 0.740 to 0.780 0.143 ± 0.008 0.569 0.994');
    expect(words).toContain('training on the new task alone (from scratch)');
    const narrow = textOf(await pageOf(narrowRun(), 'narrow'));
    expect(narrow).toContain('norm withheld 0.760 0.740 to 0.780 0.964 ± 0.008 0.994');
    expect(narrow).toContain(
      'the architecture alone gives 0.964 ± 0.007 of 0.994 here, pretraining added too little to measure',
    );
  });

  it('says what was gained and lost, where it arrived, and why a flow is withheld', async () => {
    const run = recordedRun();
    const early = textOf(await pageOf({...run, readings: run.readings.slice(0, 2)}, 'early'));
    expect(early).toContain(
      'norm 0.073 0.056 to 0.091 0.002 0.000 to 0.005 block_03 (R +0.122) no block no block',
    );
    const narrow = await pageOf(narrowRun(), 'narrow');
    const table = narrow.split('compression</th>')[1]!.split('</table>')[0]!;
    expect(table.match(/class="withheld" title="floor too close to ceiling: /g)).toHaveLength(6);
  });

  it('shows a run that was recorded before with what it has', async () => {
    const words = textOf(await pageOf(ofBefore(recordedRun()), 'before'));
    expect(words).toContain('score 95 % interval R floor N ceiling W0');
    expect(words).toContain('norm 0.724 0.701 to 0.747 0.760 0.143 0.994');
    expect(words).toContain('layer centre, start → now compression');
  });

  it('says what was acquired, hatched where the inversion of the finetuned layer failed', async () => {
    const run = recordedRun();
    const last = run.readings.at(-1)!;
    last.acquired = {
      similarity: last.retention,
      novelty: last.layers.map((_, i) => (i === 2 ? null : 0.1 * i)),
      gates: run.baseline.gates.map((gate, i) => ({...gate, fvu: 0.2, passed: i !== 2})),
    };
    const {report} = await renderReport(run, join(folder, 'acquired'));
    const section = readFileSync(report, 'utf8').split('Acquired by step 400')[1]!.split('</table>')[0]!;
    const rows = section.split('<tr>').slice(2);
    expect(rows.map(row => row.includes('withheld'))).toEqual(last.layers.map((_, i) => i === 2));
    expect(rows[4]).toContain('<td>0.400</td>');
  });

  it('claims no step where none is known: it names the model', async () => {
    const run = recordedRun();
    const single = {...run, readings: run.readings.slice(-1), subject: 'my-finetune'};
    const {report, media} = await renderReport(single, join(folder, 'single'));
    const page = readFileSync(report, 'utf8');
    const words = page.replace(/<style>[\s\S]*?<\/style>/g, '').replace(/<[^>]*>/g, ' ');
    expect(words).not.toMatch(/step (0|400)/i);
    for (const claim of ['In my-finetune, 5 of 7', 'Layers in my-finetune', 'Forgotten by my-finetune']) {
      expect(words).toContain(claim);
    }
    expect(page).not.toMatch(/aria-label="[^"]*step 400/);
    expect(media.join()).not.toMatch(/map|steps/);
  });

  it('escapes what people wrote', async () => {
    const run = recordedRun();
    run.info.name = '<img src=x onerror=alert(1)>';
    run.info.config = {note: '</dd><script>alert(2)</script>'};
    const {report} = await renderReport(run, join(folder, 'odd'));
    expect(readFileSync(report, 'utf8')).not.toMatch(/<img|<script/);
  });

  it('shows warnings of the run, and none where there were none', async () => {
    const run = recordedRun();
    expect(readFileSync((await renderReport(run, join(folder, 'calm'))).report, 'utf8')).not.toContain(
      'Warnings',
    );
    const warned = {
      ...run,
      events: [
        {
          time: 1,
          type: 'notice',
          level: 'warning',
          code: 'budget',
          message: 'the cadence was stretched',
        } as const,
      ],
    };
    const {report} = await renderReport(warned, join(folder, 'warned'));
    expect(readFileSync(report, 'utf8')).toContain('the cadence was stretched');
  });

  it('refuses a folder that cannot be written, with the reason', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    await expect(renderReport({...recordedRun(), readings: [], baseline: null}, file)).rejects.toMatchObject({
      code: 'io_failed',
      message: expect.stringContaining(
        `cannot write ${join(file, 'report.html')}: a part of the path is a file`,
      ),
    });
  });
});

describe('drawPng', () => {
  const svgOf = (text: string) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><rect width="60" height="20" fill="#fff"/>` +
    `<text x="4" y="15" font-family="DejaVu Sans, system-ui, sans-serif" font-size="12">${text}</text></svg>`;
  const darkPixels = async (text: string) => {
    const {data} = await sharp(drawPng(svgOf(text)))
      .greyscale()
      .raw()
      .toBuffer({resolveWithObject: true});
    return data.filter(value => value < 128).length;
  };

  it('draws text with the fonts of the package alone, every sign that the charts use', async () => {
    expect(await darkPixels('')).toBe(0);
    for (const sign of [...'aZ09%−+→ΣθW₀']) expect(await darkPixels(sign), sign).toBeGreaterThan(10);
    expect(await darkPixels('block')).toBeGreaterThan(await darkPixels('blo'));
  });
});

const browserPath = [
  process.env.CHROME_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
]
  .filter(path => path !== undefined)
  .find(path => existsSync(path));

describe.skipIf(!browserPath)('the page in a browser (skipped where no Chromium is found)', () => {
  let browser: Browser;
  const pages: Record<string, string> = {};
  beforeAll(async () => {
    browser = await chromium.launch({executablePath: browserPath!, args: ['--no-sandbox']});
    const runs = {
      real: recordedRun({threshold: 0.05}),
      marks: withScratch(narrowRun()),
      large: syntheticRun({layers: 24, readings: 20}),
      empty: {...recordedRun(), readings: [], baseline: null},
    };
    for (const [name, run] of Object.entries(runs)) {
      pages[name] = (await renderReport(run, join(folder, `page-${name}`))).report;
    }
  });
  afterAll(() => browser?.close());

  it.each([
    ['real', 'light'],
    ['real', 'dark'],
    ['marks', 'dark'],
    ['large', 'light'],
    ['empty', 'dark'],
  ] as const)(
    '%s, %s: no accessibility violation, no request, no sideways scroll at any width',
    async (name, scheme) => {
      const page = await browser.newPage({colorScheme: scheme});
      const requests: string[] = [];
      page.on('request', request => requests.push(request.url()));
      await page.goto(`file://${pages[name]}`);
      for (const width of [400, 900, 1400]) {
        await page.setViewportSize({width, height: 900});
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(overflow, `${width} px`).toBe(0);
      }
      expect(requests).toEqual([`file://${pages[name]}`]);
      await page.addScriptTag({path: createRequire(import.meta.url).resolve('axe-core/axe.min.js')});
      const violations = await page.evaluate(async () => {
        const {axe} = window as unknown as {axe: typeof import('axe-core')};
        return (await axe.run()).violations.map(({id, nodes}) => `${id}: ${nodes[0]?.html.slice(0, 200)}`);
      });
      expect(violations).toEqual([]);
      await page.close();
    },
  );

  it('follows the colour scheme, text and pictures alike, and keeps the colours of data', async () => {
    const coloursIn = async (colorScheme: 'light' | 'dark') => {
      const page = await browser.newPage({colorScheme});
      await page.goto(`file://${pages.real}`);
      const colours = await page.evaluate(() => {
        const fill = (selector: string) => getComputedStyle(document.querySelector(selector)!).fill;
        return {
          page: getComputedStyle(document.body).backgroundColor,
          paper: fill('figure svg > rect'),
          label: fill('figure svg text[fill="#1f2328"]'),
          cell: fill('figure svg path:has(title)'),
        };
      });
      await page.close();
      return colours;
    };
    const [light, dark] = [await coloursIn('light'), await coloursIn('dark')];
    expect(light).toMatchObject({
      page: 'rgb(255, 255, 255)',
      paper: 'rgb(255, 255, 255)',
      label: 'rgb(31, 35, 40)',
    });
    expect(dark).toMatchObject({
      page: 'rgb(13, 17, 23)',
      paper: 'rgb(13, 17, 23)',
      label: 'rgb(230, 237, 243)',
    });
    expect(dark.cell).toBe(light.cell);
  });
});
