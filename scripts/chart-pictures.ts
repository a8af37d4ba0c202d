/**
 * Draws each spec of templates/charts for its README from a recorded run, into docs/pictures/charts. The two runs of the
 * difference are one finetune and the same finetune as if it trained at half the pace.
 *
 *     node --import tsx scripts/chart-pictures.ts
 */
import {mkdir, writeFile} from 'node:fs/promises';
import sharp from 'sharp';
import {chartsOf, differenceChart, drawPng, drawSvg} from '../src/render/index.js';
import {halfPace, recordedRun} from '../test/render/recorded-run.js';

const FOLDER = 'docs/pictures/charts';
/** Two of seven layers fail it: withheld cells are to be seen. */
const THRESHOLD = 0.09;

await mkdir(FOLDER, {recursive: true});
const run = recordedRun({threshold: THRESHOLD});
const oneReading = {...run, readings: run.readings.slice(-1)};
const [retentionLayers] = chartsOf(oneReading);
for (const chart of [...chartsOf(run), retentionLayers!, differenceChart(run, halfPace(run))]) {
  const png = drawPng(await drawSvg(chart));
  await writeFile(`${FOLDER}/${chart.name}.png`, await sharp(png).png({palette: true}).toBuffer());
}
