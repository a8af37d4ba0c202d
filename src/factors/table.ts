import type {FactorBaseline, FactorReading, LayerName} from '../types.js';

/**
 * The invariances of a reading as a table of texts: a header of the factors, a row a layer of "before → now", and for
 * reference the networks of the floor (mean over the layers) and raw pixels.
 */
export function factorTable(
  layers: readonly LayerName[],
  before: readonly FactorBaseline[],
  now: readonly FactorReading[],
): string[][] {
  const told = now.flatMap(reading => {
    const pretrained = before.find(({factor}) => factor === reading.factor);
    return pretrained ? [{reading, pretrained}] : [];
  });
  return [
    ['invariance to', ...told.map(({reading}) => reading.factor)],
    ...layers.map((layer, i) => [
      layer,
      ...told.map(({reading, pretrained}) =>
        pretrained.withheld === undefined
          ? `${text(pretrained.invariance[i])} → ${text(reading.invariance[i])}`
          : 'withheld',
      ),
    ]),
    ['random networks', ...told.map(({pretrained}) => text(mean(pretrained.random)))],
    ['raw pixels', ...told.map(({pretrained}) => text(pretrained.pixels))],
  ];
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function text(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : value.toFixed(2).replace('-', '−');
}
