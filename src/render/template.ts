import {readFileSync} from 'node:fs';
import type {TopLevelSpec} from 'vega-lite';

/** The Vega-Lite specs of `templates/charts`: single source of every picture, in W&B's form for custom charts. */
export type TemplateName =
  | 'retention-map'
  | 'retention-layers'
  | 'similarity-layers'
  | 'retention-steps'
  | 'retention-matrix'
  | 'difference-matrix'
  | 'flow'
  | 'drift-map'
  | 'factor-map'
  | 'quality-gates'
  | 'two-run-difference';

/** Path of a file under `templates/`, from `src` and from `dist` alike. */
export function templatePath(name: string): URL {
  return new URL(`../../templates/${name}`, import.meta.url);
}

/**
 * A template as a spec of its own: `${field:name}` becomes the column `name` and `${string:name}` the text given for it,
 * as W&B does when a person maps columns, and the rows become its data.
 *
 * @param options.size overrides of width and height, for more data than the template's own suit.
 */
export function fillTemplate(
  name: TemplateName,
  {
    rows,
    strings = {},
    size = {},
  }: {
    rows: readonly object[];
    strings?: Readonly<Record<string, string>>;
    size?: {width?: number | {step: number}; height?: number | {step: number}};
  },
): TopLevelSpec {
  const text = readFileSync(templatePath(`charts/${name}.json`), 'utf8');
  const filled = text.replace(/\$\{(field|string):(\w+)\}/g, (_, kind: string, key: string) =>
    kind === 'field' ? key : JSON.stringify(strings[key] ?? '').slice(1, -1),
  );
  return {...(JSON.parse(filled) as TopLevelSpec), ...size, data: {name: 'wandb', values: rows}};
}
