import {join} from 'node:path';
import {replaceFile} from '../disk/index.js';
import {runFiles} from '../journal/index.js';
import {chartsOf, type ChartName} from './charts.js';
import {drawSvg} from './draw.js';
import {reportHtml} from './report.js';
import type {RenderedRun} from './run.js';
import {writePicture} from './write-picture.js';

/** Where everything was written. */
export interface RenderedReport {
  /** `report.html`: one file, no network. */
  report: string;
  /** `media/<chart>.svg` and `media/<chart>.png`. */
  media: string[];
}

/**
 * Writes the report of a run and its pictures into a folder. Each file appears whole or not at all. A run of any state
 * will do; pictures that its records cannot give yet are left out.
 *
 * Blocks this thread for about 3 s with 7 layers and 6 readings, 10 s with 24 layers and 200 (two busy cores).
 *
 * @param run as `readRun` gives it.
 * @param folder path, made where there is none.
 * @throws InvarianceError `io_failed` where the folder cannot be written.
 * @example
 * import {readRun} from 'wandb-invariance';
 * import {renderReport} from 'wandb-invariance/render';
 *
 * // A run that was killed has left no report.
 * const folder = 'invariance/20260311-142530-3f9a';
 * const {report} = await renderReport(await readRun(folder), folder);
 */
export async function renderReport(run: RenderedRun, folder: string): Promise<RenderedReport> {
  const {page, pictures} = await drawReport(run);
  const media: string[] = [];
  for (const [name, svg] of pictures)
    media.push(...(await writePicture(join(folder, runFiles.media, name), svg)));
  const report = join(folder, runFiles.report);
  await replaceFile(report, page);
  return {report, media};
}

/** The report as a page, and the SVG of each of its pictures. */
export async function drawReport(
  run: RenderedRun,
): Promise<{page: string; pictures: ReadonlyMap<ChartName, string>}> {
  const pictures = new Map<ChartName, string>();
  for (const chart of chartsOf(run)) pictures.set(chart.name, await drawSvg(chart));
  return {page: await reportHtml(run, pictures), pictures};
}
