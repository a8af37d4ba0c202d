import {join} from 'node:path';
import {mapSize, type Chart} from './charts.js';
import {drawSvg} from './draw.js';
import {differenceNames, differenceRows, type DifferedRun} from './rows.js';
import {fillTemplate} from './template.js';
import {writePicture} from './write-picture.js';

/**
 * The difference b − a of two runs' retention scores, by layer and step. Cells where either score is withheld are pale
 * and hatched.
 *
 * @throws InvarianceError as `differenceRows`.
 */
export function differenceChart(
  a: DifferedRun,
  b: DifferedRun,
): Omit<Chart, 'name'> & {name: 'two-run-difference'} {
  const rows = differenceRows(a, b);
  const [nameA, nameB] = differenceNames(a, b);
  const steps = new Set(rows.map(({step}) => step)).size;
  const {layers} = a.info;
  return {
    name: 'two-run-difference',
    alt: `Retention of ${nameB} minus that of ${nameA}, ${layers.length} layers at ${steps} steps that both have.`,
    spec: fillTemplate('two-run-difference', {
      rows,
      strings: {a: nameA, b: nameB},
      size: mapSize(steps, layers.length),
    }),
  };
}

/**
 * Writes the picture of two runs' difference in retention score, b − a by layer and step, into a folder, as
 * `two-run-difference.svg` and `.png`.
 *
 * @param options
 * @param options.a what is subtracted.
 * @param options.b what it is subtracted from.
 * @param options.folder path, made where there is none.
 * @returns both paths.
 * @throws InvarianceError `fingerprint_mismatch` where the runs' numbers do not mean the same; `bad_record` where they share
 *   no step; `io_failed` where the folder cannot be written.
 * @example
 * import {readRun} from 'wandb-invariance';
 * import {renderDifference} from 'wandb-invariance/render';
 *
 * const a = await readRun('invariance/20260311-142530-3f9a');
 * const b = await readRun('invariance/20260311-160812-c07e');
 * const [svg, png] = await renderDifference({a, b, folder: 'pictures'});
 */
export async function renderDifference({
  a,
  b,
  folder,
}: {
  a: DifferedRun;
  b: DifferedRun;
  folder: string;
}): Promise<string[]> {
  const chart = differenceChart(a, b);
  return writePicture(join(folder, chart.name), await drawSvg(chart));
}
