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
 * Writes the picture of two runs' difference into a folder, as `two-run-difference.svg` and `.png`. Returns both paths.
 *
 * @throws InvarianceError as `differenceRows`; `io_failed` where the folder cannot be written.
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
