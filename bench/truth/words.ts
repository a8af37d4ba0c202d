import type {Score} from '../../src/types.js';

/** The mean of what is known; null of nothing. */
export function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** The interval lies on that side of 0. */
export function sureOf(side: -1 | 1) {
  return (score: Score): boolean =>
    score.status === 'scored' &&
    (side < 0 ? score.high !== null && score.high < 0 : score.low !== null && score.low > 0);
}

/** A row of a table in Markdown. */
export function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

export function text(value: number | null, digits = 2): string {
  return value === null ? '–' : value.toFixed(digits).replace('-', '−');
}
