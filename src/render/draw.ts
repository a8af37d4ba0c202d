import * as vega from 'vega';
import {compile} from 'vega-lite';
import type {Chart} from './charts.js';
import {CHART_CONFIG, darkRules} from './theme.js';

/** How vega measures text without a canvas; public and replaceable, and missing from its types. */
const {textMetrics} = vega as unknown as {
  textMetrics: {width: (item: {fontSize?: number}, text: string | null) => number};
};
/** Mean advance of a character in DejaVu Sans, in em; vega's own guess without a canvas is a third too wide. */
const ADVANCE = 0.6;

/**
 * Draws a chart to SVG, without a browser. The picture is one image to a screen reader, named by `alt`; what its marks
 * say of themselves stays as the tooltip of each.
 */
export async function drawSvg({
  name,
  alt,
  spec,
}: Pick<Chart, 'alt' | 'spec'> & {name: string}): Promise<string> {
  const {spec: vegaSpec} = compile(spec, {config: CHART_CONFIG});
  const view = new vega.View(vega.parse(vegaSpec), {renderer: 'none', logLevel: vega.Error});
  const guess = textMetrics.width;
  textMetrics.width = (item, text) => ADVANCE * (item.fontSize ?? 11) * (text?.length ?? 0);
  try {
    return withOwnIds(withTooltips(await view.toSVG(), alt), name);
  } finally {
    textMetrics.width = guess;
    view.finalize();
  }
}

function withTooltips(svg: string, label: string): string {
  return svg
    .replace(
      /<(path|text|line)((?: [\w-]+="[^"]*")*?) aria-label="([^"]*)"((?: [\w-]+="[^"]*")*)(?:\/>|>([^<]*)<\/\1>)/g,
      (_, tag: string, before: string, words: string, after: string, content = '') =>
        `<${tag}${before}${after}>${tag === 'text' ? '' : `<title>${words}</title>`}${content}</${tag}>`,
    )
    .replace(/ (?:role|aria-[a-z]+|class|pointer-events)="[^"]*"/g, '')
    .replace('<svg ', `<svg role="img" aria-label="${escapeAttribute(label)}" `)
    .replace('>', `><style>${darkRules()}</style>`);
}

/** Several pictures share a page, and vega numbers the gradients of each from 0. */
function withOwnIds(svg: string, name: string): string {
  return svg.replace(/ id="/g, ` id="${name}-`).replace(/url\(#/g, `url(#${name}-`);
}

function escapeAttribute(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
}
