import {chartsOf, drawSvg, type ChartName, type RenderedRun} from '../../src/render/index.js';

/** One cell or dot of a picture: its tooltip and its fill. */
export interface Mark {
  title: string;
  fill: string;
}

/** Draws one chart of a run. */
export async function pictureOf(run: RenderedRun, name: ChartName): Promise<string> {
  const chart = chartsOf(run).find(candidate => candidate.name === name);
  if (!chart) throw new Error(`the run has no picture ${name}`);
  return drawSvg(chart);
}

/** Every mark that says something of itself, in the order it was drawn. */
export function marksOf(svg: string): Mark[] {
  return [...svg.matchAll(/<path([^>]*)><title>([^<]*)<\/title>/g)].map(([, attributes, title]) => ({
    title: title!.replaceAll('&gt;', '>').replaceAll('&amp;', '&'),
    fill: /fill="([^"]*)"/.exec(attributes!)?.[1] ?? 'none',
  }));
}

/** Every text of a picture. */
export function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
}

/** Strokes of hatching: three to a cell. */
export function hatchStrokes(svg: string): number {
  return [...svg.matchAll(/<line[^>]*stroke="#818b98"/g)].length;
}
