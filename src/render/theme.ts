import type {Config} from 'vega-lite';

/**
 * Colours of pictures and pages, by role: the light scheme's, then the dark scheme's. A picture is drawn in the light
 * ones; where the viewer prefers dark, rules of CSS turn each into its other. A scale of data keeps its colours.
 */
const ROLES = {
  surface: ['#ffffff', '#0d1117'],
  raised: ['#f6f8fa', '#151b23'],
  line: ['#d1d9e0', '#3d444d'],
  hatch: ['#818b98', '#8b949e'],
  muted: ['#59636e', '#9ba3ad'],
  ink: ['#1f2328', '#e6edf3'],
  accent: ['#0969da', '#4493f8'],
  alarm: ['#bc4c00', '#f0883e'],
} as const;

/** Custom properties for a page, in both schemes. */
export function schemeVariables(): string {
  const declare = (scheme: 0 | 1) =>
    Object.entries(ROLES)
      .map(([role, colours]) => `--${role}:${colours[scheme]}`)
      .join(';');
  return `:root{color-scheme:light dark;${declare(0)}}@media(prefers-color-scheme:dark){:root{${declare(1)}}}`;
}

/** Rules that turn a light picture dark where the viewer prefers dark; viewers without CSS show it light. */
export function darkRules(): string {
  const rules = Object.values(ROLES).flatMap(([light, dark]) => [
    `svg [fill="${light}"]{fill:${dark}}`,
    `svg [stroke="${light}"]{stroke:${dark}}`,
  ]);
  return `@media(prefers-color-scheme:dark){${rules.join('')}}`;
}

const [surface, line, muted, ink] = [ROLES.surface[0], ROLES.line[0], ROLES.muted[0], ROLES.ink[0]];

/** The font of pictures; `templates/fonts` holds it for machines without any. */
export const FONT = 'DejaVu Sans';

/** What all charts look like, where the specs themselves do not say. */
export const CHART_CONFIG: Config = {
  background: surface,
  padding: 8,
  font: `${FONT}, system-ui, sans-serif`,
  title: {
    anchor: 'start',
    frame: 'bounds',
    color: ink,
    fontSize: 13,
    subtitleColor: muted,
    subtitleFontSize: 11,
    subtitlePadding: 4,
    offset: 12,
  },
  axis: {
    labelColor: ink,
    titleColor: muted,
    titleFontWeight: 'normal',
    domainColor: line,
    gridColor: line,
    tickColor: line,
    labelFontSize: 11,
    titleFontSize: 11,
    titlePadding: 8,
    labelLimit: 160,
  },
  legend: {
    labelColor: ink,
    titleColor: muted,
    titleFontWeight: 'normal',
    labelFontSize: 11,
    titleFontSize: 11,
  },
  header: {labelColor: ink, titleColor: muted, labelFontSize: 11},
  view: {stroke: line},
};
